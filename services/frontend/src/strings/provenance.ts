/** Where an answer came from: the chip and its panel. */

/** "Gemini", "Gemini and OpenAI", "Gemini, OpenAI and Anthropic". */
export function listed(names: readonly string[]): string {
  if (names.length < 2) return names.join('')
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

export const chip = {
  label: 'Where this answer came from:',
  choosing: 'Choosing a provider…',
  queued: (provider: string) => `Waiting for ${provider}…`,
  place: (place: number) => `number ${place} in line`,
  connecting: (provider: string) => `Trying ${provider}…`,
  loading: (provider: string, model: string) => `${provider} is loading ${model}…`,
  next: (provider: string) => `${provider} failed, trying the next…`,
  network: 'Your network',
  /** The whole answer came from another one than was meant to give it. */
  instead: (provider: string, reason: string) => `instead of ${provider} (${reason})`,
  /** The answer was begun by another one. */
  goesOn: (provider: string, reason: string) => `went on for ${provider} (${reason})`,
  waited: (time: string) => `first word after ${time}`,
  failed: 'No answer',
  silent: 'Nobody had answered',
  unknown: 'Who wrote this was not recorded',
} as const

export const trail = {
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
  overNetwork: (names: readonly string[]) => `This conversation went over your network to ${listed(names)}, no further.`,
  parts: 'Who wrote what',
  whole: 'all of it',
  part: (from: number, to: number) => `characters ${from} to ${to}`,
} as const
