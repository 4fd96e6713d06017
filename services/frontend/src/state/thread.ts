/** One conversation as this page holds it. Each turn is a signal of its own, so that a growing answer redraws alone. */

import { computed, signal, type ReadonlySignal, type Signal } from '@preact/signals'
import type { Prompt } from '../api/types'
import { storedTurn, type Turn } from '../core/turn'

export type Loading = 'loading' | 'ready' | 'failed'

export interface Thread {
  /** Stable from its first moment on, also while the server has not named it. */
  readonly key: string
  readonly id: Signal<string | null>
  readonly turns: Signal<readonly Signal<Turn>[]>
  readonly loading: Signal<Loading>
  /** Why it could not be loaded, in words; empty otherwise. */
  readonly problem: Signal<string>
  /** Why the last message was not taken, in words; empty otherwise. */
  readonly refusal: Signal<string>
  readonly draft: Signal<string>
  /** The turn that is being answered. */
  readonly running: ReadonlySignal<Signal<Turn> | null>
}

export function createThread(key: string, id: string | null, draft: string): Thread {
  const turns = signal<readonly Signal<Turn>[]>([])
  return {
    key,
    id: signal(id),
    turns,
    loading: signal<Loading>(id === null ? 'ready' : 'loading'),
    problem: signal(''),
    refusal: signal(''),
    draft: signal(draft),
    running: computed(() => turns.value.findLast((each) => each.value.status === 'running') ?? null),
  }
}

/** Take in what the server has stored. A turn that says the same keeps its signal, and what it learnt while live. */
export function mergeHistory(thread: Thread, prompts: readonly Prompt[]): void {
  const known = new Map(thread.turns.peek().map((each) => [each.peek().id, each]))
  thread.turns.value = prompts.map((prompt) => {
    const turn = storedTurn(prompt)
    const before = known.get(prompt.id)
    if (before === undefined) return signal(turn)
    const { answer, status, key, live, attempts, skipped, stopping } = before.peek()
    if (answer !== turn.answer || status !== turn.status) {
      before.value = { ...turn, key, live, attempts, skipped, stopping: stopping && turn.status === 'running' }
    }
    return before
  })
}
