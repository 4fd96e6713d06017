/**
 * One question with its answer, and how it changes.
 *
 *   running ── done ──> complete | stopped | fallback
 *           ── error ─> interrupted (text was shown) | failed (none was)
 *           ── lost ──> interrupted
 *
 * With a stop under way, error and lost end as stopped.
 *
 * An ended turn changes no more: late events are ignored.
 */

import type { Locality, MessageStatus, Prompt } from '../api/types'
import type { RouteChange, StreamEvent, Usage } from './events'

export interface Turn {
  /** Stable within this page, also before the server has named the message. */
  key: string
  id: string | null
  question: string
  answer: string
  status: MessageStatus
  /** The reader wants it to end, and the stream has not ended yet. */
  stopping: boolean
  /** It was streamed to this page, not loaded. */
  live: boolean
  attempts: readonly RouteChange[]
  skipped: readonly RouteChange[]
  /** Who answered, where that is known without the attempts. */
  provider: string | null
  model: string | null
  locality: Locality | null
  tokens: number | null
  latencyMs: number | null
  usage: Usage | null
  error: string | null
}

export type TurnEvent = StreamEvent | { type: 'stop' } | { type: 'lost' }

export function newTurn(key: string, question: string): Turn {
  return {
    key,
    id: null,
    question,
    answer: '',
    status: 'running',
    stopping: false,
    live: true,
    attempts: [],
    skipped: [],
    provider: null,
    model: null,
    locality: null,
    tokens: null,
    latencyMs: null,
    usage: null,
    error: null,
  }
}

export function storedTurn(prompt: Prompt): Turn {
  return {
    ...newTurn(prompt.id, prompt.input_text),
    id: prompt.id,
    answer: prompt.output_text ?? '',
    status: prompt.status,
    live: false,
    provider: prompt.provider,
    model: prompt.model,
    locality: prompt.locality,
    tokens: prompt.tokens_used,
    latencyMs: prompt.latency_ms,
  }
}

/** The attempt that is under way or answered; null while none is. */
export function currentAttempt(turn: Turn): RouteChange | null {
  return turn.attempts.at(-1) ?? null
}

function withRoute(turn: Turn, change: RouteChange): Turn {
  if (change.state === 'skipped') return { ...turn, skipped: [...turn.skipped, change] }
  const known = turn.attempts.findIndex((each) => each.attempt === change.attempt)
  // What was sent stays sent, whatever a later change of the same attempt says.
  const next = { ...change, sent: change.sent || turn.attempts[known]?.sent === true }
  const attempts =
    known < 0 ? [...turn.attempts, next] : turn.attempts.map((each, at) => (at === known ? next : each))
  if (change.state !== 'streaming' && change.state !== 'succeeded') return { ...turn, attempts }
  return { ...turn, attempts, provider: change.provider, model: change.model, locality: change.locality }
}

function doneStatus(turn: Turn): MessageStatus {
  const states = turn.attempts.map((each) => each.state)
  if (states.includes('succeeded')) return 'complete'
  if (turn.stopping || states.includes('cancelled')) return 'stopped'
  // A stream that begins with a start tells of everyone who is asked, so silence means that nobody was.
  const told = turn.id !== null || turn.attempts.length + turn.skipped.length > 0
  return told && states.every((state) => state === 'failed') ? 'fallback' : 'complete'
}

function end(turn: Turn, status: MessageStatus, rest: Partial<Turn> = {}): Turn {
  return { ...turn, ...rest, status, stopping: false }
}

/** The turn after an event. Pure; returns the same value where nothing changed. */
export function reduceTurn(turn: Turn, event: TurnEvent): Turn {
  if (turn.status !== 'running') return turn
  switch (event.type) {
    case 'start':
      return { ...turn, id: event.messageId }
    case 'route': {
      const { type: _, ...change } = event
      return withRoute(turn, change)
    }
    case 'delta':
      return { ...turn, answer: turn.answer + event.text }
    case 'replace':
      return { ...turn, answer: event.text }
    case 'usage':
      return { ...turn, usage: event.usage }
    case 'stop':
      return { ...turn, stopping: true }
    case 'done':
      return end(turn, doneStatus(turn), { tokens: event.tokens, latencyMs: event.latencyMs })
    case 'error':
      if (turn.stopping) return end(turn, 'stopped')
      return end(turn, turn.answer === '' ? 'failed' : 'interrupted', { error: event.message })
    case 'lost':
      return end(turn, turn.stopping ? 'stopped' : 'interrupted')
  }
}
