/** The list of conversations, and the ways to the other pages. */

import type { Age } from '../core/format'

const ages: Record<Age, string> = {
  today: 'Today',
  yesterday: 'Yesterday',
  week: 'Previous 7 days',
  older: 'Older',
}

export const sidebar = {
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
  settings: 'Settings',
  operator: 'Operation',
  shortcuts: 'Keyboard shortcuts',
  ages,

  search: 'Search conversations',
  searchClear: 'Clear the search',
  found: (count: number) => (count === 1 ? '1 conversation found' : `${count} conversations found`),
  nothingFound: 'Nothing was found in titles or messages.',

  actions: (title: string) => `Actions for ${title}`,
  rename: 'Rename',
  title: 'Title',
  notRenamed: 'The title could not be changed.',
  exportMarkdown: 'Export as Markdown',
  exportJson: 'Export as JSON',
  delete: 'Delete',
  deleted: (title: string) => `“${title}” was deleted.`,
  undo: 'Undo',
  notDeleted: (title: string) => `“${title}” could not be deleted.`,
  notice: 'Notice',
} as const
