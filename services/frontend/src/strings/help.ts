/** The list of shortcuts. */

import type { ShortcutWord } from '../core/shortcuts'

const words: Record<ShortcutWord, string> = {
  send: 'Send the message',
  newline: 'Begin a new line',
  stop: 'Stop the answer',
  edit: 'Edit the last message, while the message field is empty',
  newChat: 'New chat',
  search: 'Search conversations',
  lock: 'Keep the conversation on this machine, or let it go again',
  copy: 'Copy the last answer',
  rename: 'Rename the conversation, in the list',
  remove: 'Delete the conversation, in the list',
  undo: 'Undo the deletion, in the list',
  help: 'Show these shortcuts',
}

export const help = {
  title: 'Keyboard shortcuts',
  close: 'Close',
  mac: 'On a Mac, ⌘ does what Ctrl does here.',
  words,
} as const
