/** Names of providers as their makers write them. Any other row of settings keeps the name that it was given. */

const NAMES: Readonly<Record<string, string>> = {
  ollama: 'Ollama',
  gemini: 'Gemini',
  openai: 'OpenAI',
  anthropic: 'Anthropic',
}

/** The embedded default model, which shows how the platform works rather than what a model can do. */
export const DEMO_MODEL = 'smollm2:135m'

export function providerName(name: string): string {
  return Object.hasOwn(NAMES, name) ? (NAMES[name] as string) : name
}

/** "models/gemini-2.5-flash" is how one provider names a path; the model is what follows. */
export function modelName(model: string): string {
  return model.startsWith('models/') ? model.slice('models/'.length) : model
}
