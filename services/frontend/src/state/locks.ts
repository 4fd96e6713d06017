/** The lock of a conversation: how it stands, what unlocking lets go, and what a lock has cut off. */

import type { Api } from '../api/chat'
import type { LockChange, Sendable } from '../api/types'
import { providerName } from '../core/providers'
import { t } from '../strings'
import { explain } from './explain'
import type { Thread } from './thread'

export interface Locks {
  /** Learn how it stands and whom the next message would ask. What cannot be learnt stays as it was. */
  look(thread: Thread): Promise<void>
  /** What may be sent once it is unlocked; null where that is not known. */
  sendable(thread: Thread): Promise<Sendable | null>
  /** Lock it, or unlock it. */
  set(thread: Thread, locked: boolean): Promise<void>
}

interface LockHooks {
  onError: (error: unknown) => void
  announce: (thread: Thread, sentence: string) => void
}

export function createLocks(api: Api, hooks: LockHooks): Locks {
  async function lookAhead(thread: Thread): Promise<void> {
    const id = thread.id.peek()
    try {
      const message = id === null ? { local_only: thread.locked.peek() === true } : { session_id: id }
      thread.outlook.value = await api.explain(message)
    } catch (error) {
      hooks.onError(error)
    }
  }

  async function lookAtLock(thread: Thread): Promise<void> {
    const id = thread.id.peek()
    if (id === null || thread.locked.peek() !== null) return
    try {
      const { local_only: locked } = await api.lock(id)
      thread.locked.value ??= locked
    } catch (error) {
      hooks.onError(error)
    }
  }

  function told(thread: Thread, change: LockChange): void {
    const cut = [...new Set((change.cut_off ?? []).map((each) => providerName(each.provider)))]
    thread.cutOff.value = cut.length > 0 ? t.lock.cutOff(cut) : ''
  }

  return {
    async look(thread) {
      await Promise.all([lookAtLock(thread), lookAhead(thread)])
    },
    async sendable(thread) {
      const id = thread.id.peek()
      if (id === null) return null
      try {
        return (await api.lock(id)).sendable
      } catch (error) {
        hooks.onError(error)
        return null
      }
    },
    async set(thread, locked) {
      const id = thread.id.peek()
      thread.cutOff.value = ''
      if (id !== null) {
        try {
          const change = await api.setLock(id, locked)
          told(thread, change)
        } catch (error) {
          thread.refusal.value = explain(error)
          hooks.onError(error)
          return
        }
      }
      thread.locked.value = locked
      hooks.announce(thread, [locked ? t.announce.locked : t.announce.unlocked, thread.cutOff.peek()].join(' ').trim())
      await lookAhead(thread)
    },
  }
}
