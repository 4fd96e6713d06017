/** The conversations that this page has open. An answer goes on while the reader looks at another one. */

import { effect, signal, type ReadonlySignal } from '@preact/signals'
import type { Api } from '../api/chat'
import { Problem, Unreachable } from '../api/http'
import { t } from '../strings'
import { Answer } from './answer'
import type { Env } from './env'
import { createThread, mergeHistory, type Thread } from './thread'

/** How often an answer that another window is reading is looked at. */
export const WATCH_MS = 2_000

const DRAFT = 'novacore.draft.'

export interface ThreadHooks {
  onError: (error: unknown) => void
  /** The server has named a new conversation. */
  onNamed: (thread: Thread, id: string) => void
  onEnded: () => void
  announce: (thread: Thread, sentence: string) => void
}

export interface Threads {
  /** The conversation with this id; null: the one that has not begun. */
  get(id: string | null): Thread
  /** Read it from the server, unless this page is writing it just now. */
  load(thread: Thread): Promise<void>
  send(thread: Thread, message: string): Promise<void>
  stop(thread: Thread): void
  /** Look at answers that others are reading, for as long as the thread is watched. */
  watch(thread: Thread): () => void
  /** Ids of the conversations that this page is streaming. */
  readonly streaming: ReadonlySignal<ReadonlySet<string>>
  /** Leave every answer and forget every word. */
  clear(): void
}

/** What a person can do with an error, in words. */
export function explain(error: unknown): string {
  if (error instanceof Unreachable) return t.composer.offline
  if (error instanceof Problem) return error.detail || error.message || t.composer.unexpected(error.status)
  return t.composer.offline
}

export function createThreads(env: Env, api: Api, hooks: ThreadHooks): Threads {
  const named = new Map<string, Thread>()
  const answers = new Map<Thread, Answer>()
  const streaming = signal<ReadonlySet<string>>(new Set())
  let made = 0
  let fresh = open(null)

  function open(id: string | null): Thread {
    made += 1
    const thread = createThread(`thread-${made}`, id, env.tabStore.get(DRAFT + (id ?? 'new')) ?? '')
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

  function ended(thread: Thread): void {
    answers.delete(thread)
    streaming.value = new Set([...streaming.value].filter((id) => id !== thread.id.peek()))
  }

  /** Nothing was taken: the words go back to where they were written. */
  function takeBack(thread: Thread, answer: Answer, error: unknown): void {
    const { question, stopping } = answer.turn.peek()
    const draft = thread.draft.peek()
    thread.turns.value = thread.turns.peek().filter((each) => each !== answer.turn)
    thread.draft.value = draft === '' ? question : `${question}\n\n${draft}`
    thread.refusal.value = stopping ? '' : explain(error)
  }

  async function read(thread: Thread): Promise<void> {
    const id = thread.id.peek()
    if (id === null || answers.has(thread)) return
    try {
      const { prompts } = await api.history(id)
      if (answers.has(thread)) return
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
    get(id) {
      if (id === null) return fresh
      const thread = named.get(id) ?? open(id)
      named.set(id, thread)
      return thread
    },
    async load(thread) {
      if (thread.loading.peek() === 'failed') thread.loading.value = 'loading'
      await read(thread)
    },
    async send(thread, message) {
      if (thread.running.peek() !== null) return
      const answer = new Answer(
        env,
        api,
        {
          onStart: (id) => name(thread, id),
          announce: (sentence) => hooks.announce(thread, sentence),
        },
        `${thread.key}-${thread.turns.peek().length}-${env.now()}`,
        message,
      )
      answers.set(thread, answer)
      thread.refusal.value = ''
      thread.draft.value = ''
      thread.turns.value = [...thread.turns.peek(), answer.turn]
      hooks.announce(thread, t.announce.generating)
      try {
        await answer.run(thread.id.peek())
      } catch (error) {
        if (answers.get(thread) === answer) takeBack(thread, answer, error)
        hooks.onError(error)
      } finally {
        ended(thread)
        hooks.onEnded()
      }
    },
    stop(thread) {
      const answer = answers.get(thread)
      if (answer) answer.stop()
      else {
        const turn = thread.running.peek()
        const id = turn?.peek().id
        if (!turn || !id || turn.peek().stopping) return
        turn.value = { ...turn.peek(), stopping: true }
        api.stop(id).catch(hooks.onError)
      }
    },
    watch(thread) {
      const looks = signal(0)
      return effect(() => {
        void looks.value
        if (thread.running.value === null || answers.has(thread)) return undefined
        return env.after(WATCH_MS, () => {
          void read(thread).then(() => {
            looks.value += 1
          })
        })
      })
    },
    clear() {
      for (const answer of answers.values()) answer.leave()
      answers.clear()
      streaming.value = new Set()
      named.clear()
      env.tabStore.clear(DRAFT)
      fresh = open(null)
    },
  }
}
