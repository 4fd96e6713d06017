/** What will happen to the next message of a conversation, from what the server says that it would do. Pure. */

import type { Explained, Lock } from '../api/types'
import { providerName } from './providers'

export interface Outlook {
  /** Who keeps it from the cloud; null where it may go there. ``session`` is the one that its reader can open. */
  heldBy: Lock | null
  /** Everyone who would be asked runs where NovaCore runs. */
  onThisMachine: boolean
  /** Names of those in the cloud who may be asked, in order. */
  clouds: readonly string[]
  /** Whether the first one asked is in the cloud. */
  cloudFirst: boolean
  /** Whether there is a local one, also one that is not asked just now. */
  hasLocal: boolean
}

/** Locks that the conversation's own lock cannot open come first. */
const ORDER: readonly Lock[] = ['deployment', 'user', 'session']

export function outlookOf(explained: Explained, locked: boolean): Outlook {
  const { attempts, skipped } = explained
  const locks = new Set<Lock>(explained.locks.filter((each) => each !== 'session'))
  if (locked) locks.add('session')
  const heldBy = ORDER.find((each) => locks.has(each)) ?? null
  const clouds = heldBy === null ? attempts.filter((each) => each.locality === 'cloud') : []
  const locals = attempts.filter((each) => each.locality === 'local')
  return {
    heldBy,
    onThisMachine: locals.every((each) => each.on_this_machine !== false),
    clouds: [...new Set(clouds.map((each) => providerName(each.provider)))],
    cloudFirst: heldBy === null && attempts[0]?.locality === 'cloud',
    hasLocal: locals.length > 0 || skipped.some((each) => each.locality === 'local' && each.reason !== 'not_configured'),
  }
}
