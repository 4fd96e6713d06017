/** Where an answer came from: the chip and its panel. */

/** "Gemini", "Gemini and OpenAI", "Gemini, OpenAI and Anthropic". */
function listed(names: readonly string[]): string {
  if (names.length < 2) return names.join('')
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

export const chip = {
  label: 'Where this answer came from:',
  choosing: 'Choosing a provider…',
  queued: (provider: string) => `Waiting for ${provider}…`,
  connecting: (provider: string) => `Trying ${provider}…`,
  loading: (provider: string, model: string) => `${provider} is loading ${model}…`,
  next: (provider: string) => `${provider} failed, trying the next…`,
  fallback: 'fallback',
  failed: 'No answer',
  silent: 'Nobody had answered',
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
} as const
