/** The keys that do something, and what they are called. */

export type ShortcutId = 'search' | 'newChat' | 'help' | 'lock' | 'copy'

interface Keys {
  key: string
  control?: boolean
  shift?: boolean
}

const GLOBAL: Record<ShortcutId, Keys> = {
  search: { key: 'k', control: true },
  newChat: { key: 'o', control: true, shift: true },
  lock: { key: 'l', control: true, shift: true },
  copy: { key: 'c', control: true, shift: true },
  help: { key: '?' },
}

export interface KeyLike {
  key: string
  ctrlKey: boolean
  metaKey: boolean
  shiftKey: boolean
  altKey: boolean
  isComposing?: boolean
  target: EventTarget | null
}

function writes(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input, textarea, select, [contenteditable]')
}

/** What these keys ask for, wherever they are pressed. A single character never does while somebody writes. */
export function shortcutOf(event: KeyLike): ShortcutId | null {
  if (event.altKey || event.isComposing === true) return null
  const control = event.ctrlKey || event.metaKey
  for (const [id, keys] of Object.entries(GLOBAL) as [ShortcutId, Keys][]) {
    if (keys.key !== event.key.toLowerCase() || (keys.control === true) !== control) continue
    if (keys.control !== true) return writes(event.target) ? null : id
    if ((keys.shift === true) === event.shiftKey) return id
  }
  return null
}

export type ShortcutWord = ShortcutId | 'send' | 'newline' | 'stop' | 'edit' | 'rename' | 'remove' | 'undo'

/** All of them, as the help lists them: the keys in the order in which they are pressed. */
export const SHORTCUTS: readonly [ShortcutWord, readonly string[]][] = [
  ['send', ['Enter']],
  ['newline', ['Shift', 'Enter']],
  ['stop', ['Esc']],
  ['edit', ['↑']],
  ['newChat', ['Ctrl', 'Shift', 'O']],
  ['search', ['Ctrl', 'K']],
  ['lock', ['Ctrl', 'Shift', 'L']],
  ['copy', ['Ctrl', 'Shift', 'C']],
  ['rename', ['F2']],
  ['remove', ['Delete']],
  ['undo', ['Ctrl', 'Z']],
  ['help', ['?']],
]
