/** Where messages are written. */

export const composer = {
  label: 'Message',
  placeholder: 'Write a message',
  send: 'Send',
  stop: 'Stop',
  stopping: 'Stopping…',
  hint: 'Enter sends',
  hintStop: 'Esc stops the answer',
  dismiss: 'Dismiss',
  notSent: 'Your message was not sent.',
  tooLong: (length: string, limit: string) => `It has ${length} characters, and ${limit} are allowed.`,
  tooLarge: 'It is longer than the server takes.',
  takeBack: 'Take back',
  offline: 'NovaCore cannot be reached. Check that it is running.',
  unexpected: (status: number) => `The server answered with an error (${status}).`,
} as const
