/** Every word that the page says, in English. */

import type { Age } from './core/format'
import type { ReasonTexts } from './core/reasons'

const reasons: ReasonTexts = {
  connect_refused: 'Nothing was listening at its address.',
  connect_timeout: 'It could not be reached in time.',
  dns: 'Its host name could not be found.',
  tls: 'A secure connection to it could not be made.',
  reset: 'The connection broke before it said anything.',
  first_token_timeout: 'It did not begin to answer in time.',
  stalled: 'It fell silent in the middle of the answer.',
  truncated: 'Its answer broke off before the end.',
  total_timeout: 'The answer took longer than is allowed.',
  rate_limited: 'It had too many requests and asked for a pause.',
  quota_exhausted: 'Its quota is used up for now.',
  billing: 'Its account has a billing problem.',
  auth: 'It did not accept the key.',
  model_missing: 'It does not have this model.',
  context_too_long: 'The conversation is too long for this model.',
  invalid_request: 'It could not accept the request.',
  blocked: 'Its safety filter held the answer back.',
  refused: 'The model declined to answer.',
  empty: 'It answered with nothing.',
  malformed: 'Its answer could not be read.',
  overloaded: 'It had too much to do.',
  server_error: 'It reported an error of its own.',
  cancelled: 'It was stopped.',
  not_configured: 'It is not set up.',
  disabled: 'It is switched off.',
  cloud_disabled: 'The cloud is switched off on this server.',
  local_only: 'This conversation stays on this machine.',
  preference: 'Your preferences leave it out.',
  cooling_down: 'It failed a moment ago and is left alone for a while.',
  busy: 'It was busy with other answers.',
  cold: 'Its model was not loaded yet.',
  over_budget: 'Its budget for today is used up.',
  not_requested: 'It was not asked for.',
  prompt_too_long: 'The conversation is too long for this model.',
}

const ages: Record<Age, string> = {
  today: 'Today',
  yesterday: 'Yesterday',
  week: 'Previous 7 days',
  older: 'Older',
}

/** "Gemini", "Gemini and OpenAI", "Gemini, OpenAI and Anthropic". */
function listed(names: readonly string[]): string {
  if (names.length < 2) return names.join('')
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

export const t = {
  product: 'NovaCore',
  locality: { local: 'Local', cloud: 'Cloud' },
  reasons,
  unknownReason: (reason: string) => `It gave the reason "${reason}".`,

  boot: {
    loading: 'Opening NovaCore',
    unreachable: 'NovaCore cannot be reached',
    unreachableDetail: 'The server did not answer. Check that it is running, then try again.',
    retry: 'Try again',
  },

  signedOut: {
    how: ['Open the sign-in link that ', 'make up', ' printed in your terminal.'] as const,
    spent: 'This sign-in link was already used or has expired.',
    ended: 'You are signed out.',
    failed: (detail: string) => `The sign-in link could not be checked. ${detail}`,
  },

  entry: {
    name: 'Name',
    password: 'Password',
    newPassword: 'New password, at least 12 characters',
    signIn: { title: 'Sign in to NovaCore', submit: 'Sign in' },
    invite: { title: 'Make your account', submit: 'Make the account' },
    reset: { title: 'Set a new password', submit: 'Set the password' },
    choose: { title: 'Choose a name and a password', submit: 'Save' },
    later: 'Not now',
    wrong: 'The name or the password is not right.',
    inviteSpent: 'This invitation was already used or has expired. Ask for a new one.',
    resetSpent: 'This link was already used or has expired. Ask for a new one.',
  },

  sidebar: {
    label: 'Conversations',
    newChat: 'New chat',
    open: 'Open conversations',
    close: 'Close conversations',
    empty: 'Your conversations will be listed here.',
    loading: 'Loading conversations',
    failed: 'The conversations could not be loaded.',
    more: 'Show older conversations',
    retry: 'Try again',
    untitled: 'Untitled',
    running: 'Answer in progress',
    signOut: 'Sign out',
    choosePassword: 'Choose a password',
    ages,
  },

  thread: {
    label: 'Messages',
    untitled: 'New chat',
    loading: 'Loading the conversation',
    failed: 'This conversation could not be opened',
    missing: 'It does not exist, or it is not yours.',
    retry: 'Try again',
    jump: 'Jump to latest',
    you: 'You',
    assistant: 'Answer',
    emptyTitle: 'What would you like to know?',
    emptyText: 'NovaCore answers on this machine while it can, and tells you of every answer where it came from.',
  },

  answer: {
    elsewhere: 'This answer is still being written.',
    stopped: 'Stopped',
    interrupted: 'Interrupted',
    interruptedDetail: 'The answer was cut off. What had arrived is kept.',
    interruptedEmpty: 'The connection was lost before the answer began.',
    failed: 'The answer failed',
    failedDetail: 'Something went wrong before the first word.',
    fallback: 'No provider answered',
    copy: 'Copy',
    copied: 'Copied',
    copyFailed: 'Not copied',
    code: 'Code',
    codeIn: (language: string) => `Code, ${language}`,
    table: 'Table',
    image: 'Image',
    checked: 'Done',
    unchecked: 'Not done',
  },

  chip: {
    label: 'Where this answer came from:',
    choosing: 'Choosing a provider…',
    queued: (provider: string) => `Waiting for ${provider}…`,
    connecting: (provider: string) => `Trying ${provider}…`,
    loading: (provider: string, model: string) => `${provider} is loading ${model}…`,
    next: (provider: string) => `${provider} failed, trying the next…`,
    fallback: 'fallback',
    failed: 'No answer',
    silent: 'Nobody had answered',
  },

  trail: {
    label: 'How this answer was made',
    loading: 'Loading the details',
    unavailable: 'The details could not be loaded.',
    nobody: 'No provider was asked.',
    states: {
      queued: 'Waiting in line',
      connecting: 'Connecting',
      loading: 'Loading the model',
      streaming: 'Answering',
      failed: 'Failed',
      skipped: 'Skipped',
      succeeded: 'Answered',
      cancelled: 'Stopped',
    },
    firstToken: 'First word',
    total: 'Total',
    tokens: 'Tokens',
    tokensInOut: (input: number, output: number) => `${input} in, ${output} out`,
    cost: 'Cost',
    estimated: (amount: string) => `about ${amount}`,
    free: 'none',
    took: (time: string) => `took ${time}`,
    private: 'Nothing in this message left this machine.',
    privateSoFar: 'Nothing in this message has left this machine so far.',
    sent: (names: readonly string[]) => `This conversation was sent to ${listed(names)}.`,
  },

  composer: {
    label: 'Message',
    placeholder: 'Write a message',
    send: 'Send',
    stop: 'Stop',
    stopping: 'Stopping…',
    hint: 'Enter sends, Shift + Enter makes a new line',
    hintStop: 'Esc stops the answer',
    notSent: 'Your message was not sent.',
    offline: 'NovaCore cannot be reached. Check that it is running.',
    unexpected: (status: number) => `The server answered with an error (${status}).`,
  },

  notice: {
    title: 'You are talking to a demonstration model',
    text: [
      'smollm2:135m is built in and very small, so its answers are often wrong. For better ones connect Ollama ' +
        '(install it, run ',
      'ollama pull',
      ' with a model, restart NovaCore) or set ',
      'GEMINI_API_KEY',
      ' or ',
      'OPENAI_API_KEY',
      '.',
    ] as const,
    dismiss: 'Dismiss this notice',
  },

  announce: {
    generating: 'Generating an answer.',
    answering: (provider: string, locality: string) => `Answering with ${provider} (${locality}).`,
    failover: (failed: string, provider: string, locality: string) =>
      `${failed} failed, answering with ${provider} (${locality}).`,
    complete: 'Answer complete.',
    stopping: 'Stopping.',
    stopped: 'Answer stopped.',
    interrupted: 'Answer interrupted.',
    fallback: 'No provider answered.',
  },
} as const
