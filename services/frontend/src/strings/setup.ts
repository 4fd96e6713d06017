/** What an admin sees before the first message of all. */

export const setup = {
  title: 'Welcome to NovaCore',
  text: 'This is what is there. You can write at once: nothing here has to be done first.',
  server: 'The server',
  serverText: 'It answers, and you are signed in as its admin.',
  looking: 'Looking…',
  found: (model: string) => `${model} is there and in memory.`,
  there: (model: string) => `${model} is there.`,
  cold: (model: string) => `${model} is there, but not in memory: its first answer takes longer.`,
  load: 'Load it now',
  loading: (model: string, time: string) => `${model} is being loaded: ${time} so far.`,
  again: 'Look again',
  optional: 'optional',
  withoutKey: (variable: string) => `To use it where no local model can answer, set ${variable} in .env and start NovaCore anew.`,
  hasKey: 'It has a key. A test costs nothing.',
  test: 'Test',
  testOf: (name: string) => `Test ${name}`,
  operator: 'all of this, and what happens from now on.',
} as const
