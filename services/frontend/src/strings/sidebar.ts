/** The list of conversations. */

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
  ages,
} as const
