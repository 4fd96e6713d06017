/**
 * One answer on its way: reads the stream, folds it into its turn, paints at most once per frame, comes back to it when
 * the connection was lost, and can stop it.
 */

import type { Signal } from '@preact/signals'
import type { Api, Batch, Source } from '../api/chat'
import { Problem, Unreachable } from '../api/http'
import { boundary } from '../core/announce'
import { backoff } from '../core/retry'
import { reduceTurn, type Turn, type TurnEvent } from '../core/turn'
import type { Env } from './env'

/** How soon a stop that the server could not take is sent again. */
export const STOP_AGAIN_MS = 2_000

/** What a proxy says while the server behind it is away. */
const AWAY: ReadonlySet<number> = new Set([502, 503, 504])

/** Events of which many come, and none of which must be seen at once. */
const MANY: ReadonlySet<TurnEvent['type']> = new Set([
  'start',
  'reopen',
  'spoke',
  'delta',
  'replace',
  'route',
  'queue',
  'handoff',
  'usage',
])

export interface AnswerHooks {
  /** The server has named the message and its session. */
  onStart: (sessionId: string, messageId: string) => void
  announce: (sentence: string) => void
  onError: (error: unknown) => void
}

export class Answer {
  readonly turn: Signal<Turn>
  #next: Turn
  #painting = false
  #source: Source
  /** The server has taken what was asked for. */
  #taken = false
  #failures = 0
  #resumed: boolean
  #wake: () => void = () => {}
  /** When it was sent; null where this page does not wait for a first word. */
  #sentAt: number | null = null
  readonly #leave = new AbortController()
  readonly #env: Env
  readonly #api: Pick<Api, 'stream' | 'stop'>
  readonly #hooks: AnswerHooks

  constructor(env: Env, api: Api, hooks: AnswerHooks, turn: Signal<Turn>, source: Source) {
    this.#env = env
    this.#api = api
    this.#hooks = hooks
    this.turn = turn
    this.#next = turn.peek()
    this.#source = source
    this.#taken = source.kind === 'follow'
    this.#resumed = this.#taken
    if (source.kind === 'send') this.#sentAt = env.now()
    if (source.kind !== 'continue') return
    this.#next = reduceTurn(this.#next, { type: 'reopen', anew: false })
    turn.value = this.#next
  }

  /** Whether its stream was taken up in the middle, or after it. */
  get resumed(): boolean {
    return this.#resumed
  }

  get left(): boolean {
    return this.#leave.signal.aborted
  }

  /** Read it to its end, or until it is left. Raises Problem where the server does not do what was asked. */
  async run(): Promise<void> {
    while (!this.left) {
      try {
        const options = { source: this.#source, signal: this.#leave.signal, after: this.#env.after }
        for await (const batch of this.#api.stream(options)) {
          this.#take(batch)
          if (this.#next.status !== 'running') return
        }
      } catch (error) {
        if (this.left) return
        if (!this.#isAway(error)) {
          if (!this.#taken) throw error
          // Nobody has it any more: what has arrived is kept.
          this.#apply({ type: 'lost' })
          this.#hooks.onError(error)
          return
        }
        this.#turnBack()
      }
      if (this.left) return
      this.#failures += 1
      this.#resumed = true
      this.#apply({ type: 'away' })
      await this.#pause(backoff(this.#failures, this.#env.random()))
    }
  }

  /** Ask the server to end it. The turn is stopping until the stream has ended. */
  stop(): void {
    if (this.#next.stopping || this.#next.status !== 'running') return
    this.#apply({ type: 'stop' })
    this.#sendStop()
  }

  /** Try the connection now. */
  hurry(): void {
    this.#wake()
  }

  /** Drop the connection. The server goes on for a while. */
  leave(): void {
    this.#leave.abort()
    this.#wake()
  }

  #isAway(error: unknown): boolean {
    if (error instanceof Unreachable) return true
    // A message that the server turned away with a reason goes back to its writer; one that waits goes on waiting.
    return error instanceof Problem && AWAY.has(error.status) && (this.#taken || this.#failures > 0)
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((done) => {
      const forget = this.#env.after(ms, done)
      this.#wake = () => {
        forget()
        done()
      }
    })
    this.#wake = () => {}
  }

  #sendStop(): void {
    if (this.#next.id === null || !this.#taken || !this.#next.stopping) return
    this.#api.stop(this.#next.id).catch(() => {
      // Where the connection is lost as well, coming back to the answer brings the stop along.
      this.#env.after(STOP_AGAIN_MS, () => this.#next.link === 'here' && !this.left && this.#sendStop())
    })
  }

  /** Whether an answer is gone on with is not known when the connection is lost; what became of it tells. */
  #turnBack(): void {
    if (this.#source.kind !== 'continue') return
    this.#source = { kind: 'follow', messageId: this.#source.messageId, lastEventId: '' }
    this.#taken = true
  }

  #take({ events, lastEventId }: Batch): void {
    if (events.length > 0) this.#begin()
    if (this.#next.link !== 'here') {
      this.#apply({ type: 'back' })
      if (this.#next.stopping) this.#sendStop()
    }
    for (const event of events) {
      if (event.type === 'delta') this.#spoke()
      this.#apply(event)
      if (event.type !== 'start') continue
      this.#hooks.onStart(event.sessionId, event.messageId)
      if (this.#next.stopping && this.#source.kind === 'send') this.#sendStop()
    }
    if (this.#next.id !== null && lastEventId !== '') {
      this.#source = { kind: 'follow', messageId: this.#next.id, lastEventId }
    }
  }

  #spoke(): void {
    if (this.#sentAt === null) return
    this.#apply({ type: 'spoke', afterMs: this.#env.now() - this.#sentAt })
    this.#sentAt = null
  }

  #begin(): void {
    this.#taken = true
    this.#failures = 0
    if (this.#source.kind === 'follow' && this.#source.lastEventId === '') this.#apply({ type: 'reopen', anew: true })
  }

  #apply(event: TurnEvent): void {
    const before = this.#next
    this.#next = reduceTurn(before, event)
    if (this.#next === before) return
    const sentence = boundary(before, this.#next)
    if (sentence !== null) this.#hooks.announce(sentence)
    if (MANY.has(event.type)) this.#paintSoon()
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
