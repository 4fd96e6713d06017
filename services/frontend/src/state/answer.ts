/** One answer on its way: reads the stream, folds it into its turn, paints at most once per frame, and can stop. */

import { signal, type Signal } from '@preact/signals'
import type { Api } from '../api/chat'
import { boundary } from '../core/announce'
import type { StreamEvent } from '../core/events'
import { newTurn, reduceTurn, type Turn, type TurnEvent } from '../core/turn'
import type { Env } from './env'

/** How long a stop may stay unconfirmed before the page leaves, which ends the call as well. */
export const STOP_LIMIT_MS = 5_000

export interface AnswerHooks {
  /** The server has named the message and its session. */
  onStart: (sessionId: string) => void
  announce: (sentence: string) => void
}

export class Answer {
  readonly turn: Signal<Turn>
  #next: Turn
  #painting = false
  readonly #leave = new AbortController()
  readonly #env: Pick<Env, 'after' | 'onFrame'>
  readonly #api: Pick<Api, 'stream' | 'stop'>
  readonly #hooks: AnswerHooks

  constructor(env: Env, api: Api, hooks: AnswerHooks, key: string, question: string) {
    this.#env = env
    this.#api = api
    this.#hooks = hooks
    this.#next = newTurn(key, question)
    this.turn = signal(this.#next)
  }

  /** Read it to its end. Raises Problem or Unreachable only where the server has not taken the message. */
  async run(sessionId: string | null): Promise<void> {
    const message = this.#next.question
    const options = { message, sessionId, signal: this.#leave.signal, after: this.#env.after }
    try {
      for await (const batch of this.#api.stream(options)) {
        for (const event of batch) this.#take(event)
        if (this.#next.status !== 'running') break
      }
    } catch (error) {
      if (this.#next.id === null) throw error
    }
    this.#apply({ type: 'lost' })
  }

  /** Ask the server to end it. The turn is stopping until the stream has ended. */
  stop(): void {
    if (this.#next.stopping || this.#next.status !== 'running') return
    this.#apply({ type: 'stop' })
    this.#env.after(STOP_LIMIT_MS, () => this.leave())
    this.#sendStop()
  }

  /** Drop the connection, which ends the server's call too. */
  leave(): void {
    this.#leave.abort()
  }

  #sendStop(): void {
    // A stop that fails needs no word of its own: the limit above ends the answer in its place.
    if (this.#next.id !== null) this.#api.stop(this.#next.id).catch(() => {})
  }

  #take(event: StreamEvent): void {
    this.#apply(event)
    if (event.type !== 'start') return
    this.#hooks.onStart(event.sessionId)
    if (this.#next.stopping) this.#sendStop()
  }

  #apply(event: TurnEvent): void {
    const before = this.#next
    this.#next = reduceTurn(before, event)
    if (this.#next === before) return
    const sentence = boundary(before, this.#next)
    if (sentence !== '') this.#hooks.announce(sentence)
    if (event.type === 'delta' || event.type === 'route') this.#paintSoon()
    else this.turn.value = this.#next
  }

  #paintSoon(): void {
    if (this.#painting) return
    this.#painting = true
    this.#env.onFrame(() => {
      this.#painting = false
      this.turn.value = this.#next
    })
  }
}
