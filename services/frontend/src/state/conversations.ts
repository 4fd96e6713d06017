/** The list of conversations: the newest page, and older ones as they are asked for. */

import { signal, type ReadonlySignal } from '@preact/signals'
import type { Api } from '../api/chat'
import type { Session } from '../api/types'

export type ListState = 'loading' | 'ready' | 'failed'

export interface Conversations {
  readonly items: ReadonlySignal<readonly Session[]>
  readonly state: ReadonlySignal<ListState>
  readonly hasMore: ReadonlySignal<boolean>
  /** Read the newest page again; older ones that were loaded stay. */
  refresh(): Promise<void>
  /** Read the next older page; also what tries again after a failure. */
  more(): Promise<void>
  clear(): void
}

export function createConversations(api: Pick<Api, 'sessions'>, onError: (error: unknown) => void): Conversations {
  const items = signal<readonly Session[]>([])
  const state = signal<ListState>('loading')
  const cursor = signal<string | null>(null)
  const hasMore = signal(false)
  let opened = false
  let busy = false

  async function refresh(): Promise<void> {
    try {
      const page = await api.sessions(null)
      const fresh = new Set(page.sessions.map((each) => each.id))
      items.value = [...page.sessions, ...items.value.filter((each) => !fresh.has(each.id))]
      if (!opened) {
        cursor.value = page.next_cursor
        hasMore.value = page.next_cursor !== null
      }
      opened = true
      state.value = 'ready'
    } catch (error) {
      if (!opened) state.value = 'failed'
      onError(error)
    }
  }

  async function next(): Promise<void> {
    state.value = 'loading'
    try {
      const page = await api.sessions(cursor.value)
      const known = new Set(items.value.map((each) => each.id))
      items.value = [...items.value, ...page.sessions.filter((each) => !known.has(each.id))]
      cursor.value = page.next_cursor
      hasMore.value = page.next_cursor !== null
      state.value = 'ready'
    } catch (error) {
      state.value = 'failed'
      onError(error)
    }
  }

  return {
    items,
    state,
    hasMore,
    refresh,
    async more() {
      if (busy) return
      busy = true
      try {
        if (!opened) {
          state.value = 'loading'
          await refresh()
        } else if (hasMore.value) await next()
      } finally {
        busy = false
      }
    },
    clear() {
      items.value = []
      cursor.value = null
      hasMore.value = false
      opened = false
      state.value = 'loading'
    },
  }
}
