/** What the status region says. */

export const announce = {
  generating: 'Generating an answer.',
  answering: (provider: string, locality: string) => `Answering with ${provider} (${locality}).`,
  failover: (failed: string, provider: string, locality: string) =>
    `${failed} failed, answering with ${provider} (${locality}).`,
  away: 'Connection lost. Trying to reconnect.',
  back: 'Connected again.',
  unsent: 'Not sent yet. The message is sent as soon as NovaCore can be reached.',
  complete: 'Answer complete.',
  locked: 'Locked: this conversation stays local.',
  unlocked: 'Unlocked: the cloud may answer in this conversation.',
  stopping: 'Stopping.',
  stopped: 'Answer stopped.',
  interrupted: 'Answer interrupted.',
  fallback: 'No provider answered.',
} as const
