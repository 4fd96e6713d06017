/** The conversations that this page has open. An answer goes on while the reader looks at another one. */

import { effect, signal, type ReadonlySignal } from '@preact/signals'
import type { Api } from '../api/chat'
import { Problem } from '../api/http'
import type { Locality } from '../api/types'
import { choose } from '../core/branches'
import type { Turn } from '../core/turn'
import { t } from '../strings'
import { createAsking, type Asking } from './asking'
import type { Env } from './env'
import { explain } from './explain'
import { createLocks, type Locks } from './locks'
import { createThread, mergeHistory, type Branch, type Thread } from './thread'

const DRAFT = 'novacore.draft.'

const BEGIN_LOCKED = 'novacore.begin-locked'

export interface ThreadHooks {
  onError: (error: unknown) => void
  /** The server has named a new conversation. */
  onNamed: (thread: Thread, id: string) => void
  onEnded: () => void
  announce: (thread: Thread, sentence: string) => void
}

export interface Threads {
  readonly locks: Locks
  /** Conversations begin locked. */
  readonly lockDefault: ReadonlySignal<boolean>
  setLockDefault(locked: boolean): void
  /** The conversation with this id; null: the one that has not begun. */
  get(id: string | null): Thread
  /** Read it from the server, unless this page is writing it just now, and follow the answer that runs there. */
  load(thread: Thread): Promise<void>
  send(thread: Thread, message: string): Promise<void>
  /** Ask once more, with the same words, or with others. */
  regenerate(thread: Thread, turn: Turn, prefer: Locality | null): Promise<void>
  edit(thread: Thread, turn: Turn, message: string): Promise<void>
  /** Go on with an answer that broke off or was stopped. */
  goOn(thread: Thread, turn: Turn): Promise<void>
  /** Show another branch. */
  show(thread: Thread, branch: Branch): void
  stop(thread: Thread): void
  /** The connection may be there again. */
  hurry(): void
  /** Ids of the conversations that this page is streaming. */
  readonly streaming: ReadonlySignal<ReadonlySet<string>>
  /** Leave every answer and forget every word. */
  clear(): void
}

export function createThreads(env: Env, api: Api, hooks: ThreadHooks): Threads {
  const named = new Map<string, Thread>()
  const streaming = signal<ReadonlySet<string>>(new Set())
  const lockDefault = signal(env.browserStore.get(BEGIN_LOCKED) !== null)
  const locks = createLocks(api, hooks)
  let made = 0
  let fresh = open(null)
  const asking: Asking = createAsking(env, api, {
    ...hooks,
    onNamed: name,
    onEnded(thread) {
      streaming.value = new Set([...streaming.value].filter((id) => id !== thread.id.peek()))
      hooks.onEnded()
      void locks.look(thread)
    },
    read,
  })

  function open(id: string | null): Thread {
    made += 1
    const draft = env.tabStore.get(DRAFT + (id ?? 'new')) ?? ''
    const locked = id === null ? lockDefault.peek() : null
    const thread = createThread(`thread-${made}`, id, draft, locked)
    effect(() => env.tabStore.set(DRAFT + (thread.id.value ?? 'new'), thread.draft.value))
    return thread
  }

  function name(thread: Thread, id: string): void {
    if (thread.id.peek() === null) {
      env.tabStore.set(`${DRAFT}new`, '')
      thread.id.value = id
      named.set(id, thread)
      if (fresh === thread) fresh = open(null)
      hooks.onNamed(thread, id)
    }
    streaming.value = new Set([...streaming.value, id])
  }

  async function read(thread: Thread): Promise<void> {
    const id = thread.id.peek()
    if (id === null || asking.answers(thread)) return
    try {
      const { prompts } = await api.history(id)
      if (asking.answers(thread)) return
      mergeHistory(thread, prompts)
      thread.loading.value = 'ready'
    } catch (error) {
      if (thread.loading.peek() !== 'ready') {
        thread.problem.value = error instanceof Problem && error.status < 500 ? t.thread.missing : explain(error)
        thread.loading.value = 'failed'
      }
      hooks.onError(error)
    }
  }

  return {
    streaming,
    locks,
    lockDefault,
    setLockDefault(locked) {
      env.browserStore.set(BEGIN_LOCKED, locked ? 'yes' : '')
      lockDefault.value = locked
      fresh.locked.value = locked
      void locks.look(fresh)
    },
    get(id) {
      if (id === null) return fresh
      const thread = named.get(id) ?? open(id)
      named.set(id, thread)
      return thread
    },
    async load(thread) {
      if (thread.loading.peek() === 'failed') thread.loading.value = 'loading'
      void locks.look(thread)
      await read(thread)
      if (thread.loading.peek() !== 'ready') return
      if (!asking.resend(thread)) void asking.follow(thread)
    },
    send: (thread, message) => asking.ask(thread, message, thread.path.peek().at(-1)?.item.turn.peek().id ?? null),
    regenerate: (thread, turn, prefer) => asking.ask(thread, turn.question, turn.parentId, { prefer, again: true }),
    edit: (thread, turn, message) => asking.ask(thread, message, turn.parentId),
    goOn: (thread, turn) => asking.goOn(thread, turn),
    show(thread, branch) {
      thread.choices.value = choose(thread.choices.peek(), branch)
    },
    stop: (thread) => asking.stop(thread),
    hurry: () => asking.hurry(),
    clear() {
      asking.clear()
      streaming.value = new Set()
      named.clear()
      env.tabStore.clear(DRAFT)
      fresh = open(null)
    },
  }
}
