/** An input method that is composing takes Enter and Escape for itself; some report it by this code alone. */
const COMPOSING_KEY = 229

export function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === COMPOSING_KEY
}
