/** What the status region says. */

export const announce = {
  generating: 'Generating an answer.',
  answering: (provider: string, locality: string) => `Answering with ${provider} (${locality}).`,
  failover: (failed: string, provider: string, locality: string) =>
    `${failed} failed, answering with ${provider} (${locality}).`,
  complete: 'Answer complete.',
  stopping: 'Stopping.',
  stopped: 'Answer stopped.',
  interrupted: 'Answer interrupted.',
  fallback: 'No provider answered.',
} as const
