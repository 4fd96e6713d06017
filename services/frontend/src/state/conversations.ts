/** The list of conversations, page by page: the newest first, what a search finds, and what is being deleted. */

import { batch, computed, signal, type ReadonlySignal, type Signal } from '@preact/signals'
import type { ConversationsApi } from '../api/conversations'
import { Problem } from '../api/http'
import type { Session } from '../api/types'
import { t } from '../strings'
import type { Env } from './env'

export type ListState = 'loading' | 'ready' | 'failed'

/** How long a deletion can be taken back. Only then is the server told. */
export const GRACE_MS = 10_000

/** How long somebody may pause while typing before the server is asked. */
export const TYPING_MS = 200

export interface Pages {
  readonly items: ReadonlySignal<readonly Session[]>
  readonly state: ReadonlySignal<ListState>
  /** Whether older ones are left to load. */
  readonly hasMore: ReadonlySignal<boolean>
  /** How many there are in all; null while that is not known. */
  readonly total: ReadonlySignal<number | null>
  /** Read the newest page again; older ones that were loaded stay. */
  refresh(): Promise<void>
  /** Read the next older page; also what tries again after a failure. */
  more(): Promise<void>
}

export interface Conversations extends Pages {
  /** What is listed now: all of them, or what the search has found. */
  readonly listed: ReadonlySignal<Pages>
  /** All of them. */
  readonly all: ReadonlySignal<Pages>
  /** What is looked for; empty: nothing is. */
  readonly query: ReadonlySignal<string>
  search(query: string): void
  /** Give it another title; a sentence if that did not work, else nothing. */
  rename(id: string, title: string): Promise<string>
  /** The one that is gone from the list and can still be brought back. */
  readonly removed: ReadonlySignal<Session | null>
  /** Take it out of the list; the server deletes it when the time to bring it back is over. */
  remove(session: Session): void
  undo(): void
  /** Delete now what was to be deleted when its time is over. */
  settle(): Promise<void>
  /** Why the last deletion did not work; empty otherwise. */
  readonly trouble: ReadonlySignal<string>
  clear(): void
}

type Read = (cursor: string | null) => Promise<{ sessions: Session[]; total: number; next_cursor: string | null }>

interface OpenPages extends Pages {
  readonly all: Signal<readonly Session[]>
  readonly total: Signal<number | null>
}

function createPages(read: Read, hidden: ReadonlySignal<ReadonlySet<string>>, onError: (error: unknown) => void): OpenPages {
  const all = signal<readonly Session[]>([])
  const state = signal<ListState>('loading')
  const total = signal<number | null>(null)
  const hasMore = signal(false)
  let cursor: string | null = null
  let opened = false
  let busy = false

  async function refresh(): Promise<void> {
    try {
      const page = await read(null)
      const fresh = new Set(page.sessions.map((each) => each.id))
      const last = page.sessions.at(-1)?.id
      const known = page.next_cursor === null ? -1 : all.peek().findIndex((each) => each.id === last)
      batch(() => {
        // Those that came before the page's last one and are not on it any more were deleted elsewhere. Where that one
        // is new here, what lies between it and those that were loaded is not known: the list begins anew.
        const older = known < 0 ? [] : all.peek().slice(known + 1)
        all.value = [...page.sessions, ...older.filter((each) => !fresh.has(each.id))]
        total.value = page.total
        if (known < 0) {
          cursor = page.next_cursor
          hasMore.value = cursor !== null
        }
        state.value = 'ready'
      })
      opened = true
    } catch (error) {
      if (!opened) state.value = 'failed'
      onError(error)
    }
  }

  async function next(): Promise<void> {
    state.value = 'loading'
    try {
      const page = await read(cursor)
      const known = new Set(all.value.map((each) => each.id))
      batch(() => {
        all.value = [...all.value, ...page.sessions.filter((each) => !known.has(each.id))]
        cursor = page.next_cursor
        hasMore.value = cursor !== null
        state.value = 'ready'
      })
    } catch (error) {
      state.value = 'failed'
      onError(error)
    }
  }

  return {
    all,
    total,
    items: computed(() => {
      const gone = hidden.value
      return gone.size === 0 ? all.value : all.value.filter((each) => !gone.has(each.id))
    }),
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
  }
}

export interface ConversationsHooks {
  onError: (error: unknown) => void
  /** A conversation has left the list. */
  onRemoved: (session: Session) => void
  /** It is back. */
  onBack: (session: Session) => void
}

export function createConversations(
  api: ConversationsApi,
  env: Pick<Env, 'after' | 'onLeave'>,
  hooks: ConversationsHooks,
): Conversations {
  const query = signal('')
  const hidden = signal<ReadonlySet<string>>(new Set())
  const removed = signal<Session | null>(null)
  const trouble = signal('')
  const newest = (): OpenPages => createPages((cursor) => api.sessions(cursor), hidden, hooks.onError)
  const all = signal(newest())
  const found = signal<OpenPages | null>(null)
  let stopTyping = (): void => {}
  let stopGrace = (): void => {}

  function search(wanted: string): void {
    query.value = wanted
    stopTyping()
    const words = wanted.trim()
    if (words === '') {
      found.value = null
      return
    }
    stopTyping = env.after(TYPING_MS, () => {
      const pages = createPages((cursor) => api.sessions(cursor, words), hidden, hooks.onError)
      // What was found before stays until there is something else to show.
      void pages.refresh().then(() => {
        if (query.peek() === wanted) found.value = pages
      })
    })
  }

  const lists = (): OpenPages[] => [all.peek(), ...(found.peek() === null ? [] : [found.peek() as OpenPages])]

  function showAgain(id: string): void {
    hidden.value = new Set([...hidden.peek()].filter((each) => each !== id))
  }

  function isGone(error: unknown): boolean {
    return error instanceof Problem && error.status === 404
  }

  /** Tell the server of the deletion that waits. */
  async function settle(leaving = false): Promise<void> {
    const session = removed.peek()
    if (session === null) return
    stopGrace()
    removed.value = null
    try {
      await api.remove(session.id, leaving)
    } catch (error) {
      if (!isGone(error)) {
        trouble.value = t.sidebar.notDeleted(session.title || t.sidebar.untitled)
        hooks.onError(error)
        showAgain(session.id)
        return
      }
    }
    batch(() => {
      for (const list of lists()) {
        list.all.value = list.all.peek().filter((each) => each.id !== session.id)
        if (list.total.peek() !== null) list.total.value = (list.total.peek() ?? 1) - 1
      }
      showAgain(session.id)
    })
  }
  env.onLeave(() => void settle(true))

  return {
    items: computed(() => all.value.items.value),
    state: computed(() => all.value.state.value),
    hasMore: computed(() => all.value.hasMore.value),
    total: computed(() => all.value.total.value),
    refresh: () => all.peek().refresh(),
    more: () => all.peek().more(),
    all,
    listed: computed(() => found.value ?? all.value),
    query,
    search,
    async rename(id, title) {
      const wanted = title.trim()
      if (wanted === '') return ''
      try {
        const renamed = await api.rename(id, wanted)
        for (const list of lists()) {
          list.all.value = list.all.peek().map((each) => (each.id === id ? { ...each, title: renamed.title } : each))
        }
        return ''
      } catch (error) {
        hooks.onError(error)
        return t.sidebar.notRenamed
      }
    },
    removed,
    remove(session) {
      void settle()
      batch(() => {
        trouble.value = ''
        removed.value = session
        hidden.value = new Set([...hidden.peek(), session.id])
      })
      stopGrace = env.after(GRACE_MS, () => void settle())
      hooks.onRemoved(session)
    },
    undo() {
      const session = removed.peek()
      if (session === null) return
      stopGrace()
      removed.value = null
      showAgain(session.id)
      hooks.onBack(session)
    },
    settle: () => settle(),
    trouble,
    clear() {
      stopGrace()
      stopTyping()
      batch(() => {
        removed.value = null
        hidden.value = new Set()
        all.value = newest()
        found.value = null
        query.value = ''
        trouble.value = ''
      })
    },
  }
}
