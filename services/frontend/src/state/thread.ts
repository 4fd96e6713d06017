/** One conversation as this page holds it. Each turn is a signal of its own, so that a growing answer redraws alone. */

import { computed, signal, type ReadonlySignal, type Signal } from '@preact/signals'
import type { Explained, Prompt } from '../api/types'
import { pathOf, type Choices, type Node, type Step } from '../core/branches'
import { storedTurn, type Turn } from '../core/turn'

export type Loading = 'loading' | 'ready' | 'failed'

/** A turn in its place in the conversation's tree. */
export interface Branch extends Node {
  turn: Signal<Turn>
}

export interface Thread {
  /** Stable from its first moment on, also while the server has not named it. */
  readonly key: string
  readonly id: Signal<string | null>
  /** All of them, in the order in which they came. */
  readonly turns: Signal<readonly Signal<Turn>[]>
  readonly choices: Signal<Choices>
  /** Those that are shown. */
  readonly path: ReadonlySignal<readonly Step<Branch>[]>
  readonly loading: Signal<Loading>
  /** Why it could not be loaded, in words; empty otherwise. */
  readonly problem: Signal<string>
  /** Why the last thing that was asked for was not done, in words; empty otherwise. */
  readonly refusal: Signal<string>
  readonly draft: Signal<string>
  /** The turn that is being answered. */
  readonly running: ReadonlySignal<Signal<Turn> | null>
  /** Whether it is locked to local; null while that is not known. */
  readonly locked: Signal<boolean | null>
  /** Whom the next message would ask; null while that is not known. */
  readonly outlook: Signal<Explained | null>
  /** The key of the turn whose question is being changed. */
  readonly editing: Signal<string | null>
  /** What a lock has cut off, in words; empty otherwise. */
  readonly cutOff: Signal<string>
}

export function createThread(key: string, id: string | null, draft: string, locked: boolean | null): Thread {
  const turns = signal<readonly Signal<Turn>[]>([])
  const choices = signal<Choices>(new Map())
  return {
    key,
    id: signal(id),
    turns,
    choices,
    path: computed(() => pathOf(turns.value.map(branch), choices.value)),
    loading: signal<Loading>(id === null ? 'ready' : 'loading'),
    problem: signal(''),
    refusal: signal(''),
    draft: signal(draft),
    running: computed(() => turns.value.findLast((each) => each.value.status === 'running') ?? null),
    locked: signal(locked),
    outlook: signal<Explained | null>(null),
    editing: signal<string | null>(null),
    cutOff: signal(''),
  }
}

/** A turn has its place before it is named: nothing follows one that has no name yet. */
function branch(turn: Signal<Turn>): Branch {
  const { key, id, parentId } = turn.peek()
  return { key, id, parentId, turn }
}

function same(one: Turn, other: Turn): boolean {
  return one.answer === other.answer && one.status === other.status && one.provider === other.provider
}

/** The turn as it is stored, with what this page has seen of it beside. */
function learnt(held: Turn, stored: Turn): Turn {
  const { key, live, whole, attempts, skipped, handoffs, usage, error } = held
  const stopping = held.stopping && stored.status === 'running'
  // A server that ended in the middle has not stored who spoke.
  const { provider, model, locality } = stored.provider === null && stored.answer !== '' ? held : stored
  const seen = { key, live, whole, attempts, skipped, handoffs, usage, error, stopping }
  return { ...stored, ...seen, provider, model, locality }
}

/** Take in what the server has stored. A turn that says the same keeps its signal, and what it learnt while live. */
export function mergeHistory(thread: Thread, prompts: readonly Prompt[]): void {
  const before = thread.turns.peek()
  const known = new Map(before.map((each) => [each.peek().id, each]))
  const stored = prompts.map((prompt) => {
    const turn = storedTurn(prompt)
    const held = known.get(prompt.id)
    if (held === undefined) return signal(turn)
    if (!same(held.peek(), turn)) held.value = learnt(held.peek(), turn)
    return held
  })
  thread.turns.value = [...stored, ...before.filter((each) => each.peek().id === null)]
}
