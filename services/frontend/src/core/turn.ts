/**
 * One question with its answer, and how it changes.
 *
 *   running ── done ──> complete | stopped | fallback
 *           ── error ─> interrupted (text was shown) | failed (none was)
 *           ── lost ──> interrupted
 *
 * With a stop under way, error and lost end as stopped. While the connection is away the turn stays running: the
 * server goes on, and the page comes back to it.
 *
 * An ended turn changes no more, unless it begins anew: late events are ignored.
 */

import type { Locality, MessageStatus, Prompt } from '../api/types'
import type { Handoff, RouteChange, StreamEvent, Usage } from './events'

/** Whether the page is in touch with the server: it is, it has yet to bring the message there, or it has lost touch. */
export type Link = 'here' | 'unsent' | 'away'

export interface Turn {
  /** Stable within this page, also before the server has named the message. */
  key: string
  id: string | null
  /** The message that this one follows. */
  parentId: string | null
  question: string
  answer: string
  status: MessageStatus
  link: Link
  /** The reader wants it to end, and the stream has not ended yet. */
  stopping: boolean
  /** It was streamed to this page, not loaded. */
  live: boolean
  /** This page has seen all of its stream so far, so that what it knows of the attempts is all there is to know. */
  whole: boolean
  attempts: readonly RouteChange[]
  skipped: readonly RouteChange[]
  handoffs: readonly Handoff[]
  /** Whose slot it waits for, and how many come before, counted from 1; null where it does not wait. */
  queue: { provider: string; place: number } | null
  /** Who answered, where that is known without the attempts. */
  provider: string | null
  model: string | null
  locality: Locality | null
  tokens: number | null
  latencyMs: number | null
  usage: Usage | null
  /** From when it was sent to its first word, as this page saw it. */
  waitedMs: number | null
  error: string | null
}

export type TurnEvent =
  | StreamEvent
  | { type: 'stop' }
  | { type: 'lost' }
  /** Its first word has come, so many milliseconds after it was sent. */
  | { type: 'spoke'; afterMs: number }
  /** The connection is gone, for now. */
  | { type: 'away' }
  /** The connection is there again. */
  | { type: 'back' }
  /** It runs again. ``anew``: the stream tells all of it from its first event on. */
  | { type: 'reopen'; anew: boolean }

export function newTurn(key: string, question: string, parentId: string | null = null): Turn {
  return {
    key,
    id: null,
    parentId,
    question,
    answer: '',
    status: 'running',
    link: 'here',
    stopping: false,
    live: true,
    whole: true,
    attempts: [],
    skipped: [],
    handoffs: [],
    queue: null,
    provider: null,
    model: null,
    locality: null,
    tokens: null,
    latencyMs: null,
    usage: null,
    waitedMs: null,
    error: null,
  }
}

export function storedTurn(prompt: Prompt): Turn {
  return {
    ...newTurn(prompt.id, prompt.input_text, prompt.parent_id),
    id: prompt.id,
    answer: prompt.output_text ?? '',
    status: prompt.status,
    live: false,
    whole: false,
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
  // No attempt yet, so it has no number of its own.
  if (change.state === 'queued') return { ...turn, queue: { provider: change.provider, place: turn.queue?.place ?? 0 } }
  const known = turn.attempts.findIndex((each) => each.attempt === change.attempt)
  // What was sent stays sent, whatever a later change of the same attempt says.
  const next = { ...change, sent: change.sent || turn.attempts[known]?.sent === true }
  const attempts =
    known < 0 ? [...turn.attempts, next] : turn.attempts.map((each, at) => (at === known ? next : each))
  if (change.state !== 'streaming' && change.state !== 'succeeded') return { ...turn, attempts, queue: null }
  const { provider, model, locality } = change
  return { ...turn, attempts, queue: null, provider, model, locality }
}

/** The same answer told anew keeps its seams; another one in its place has been written by its last writer alone. */
function withText(turn: Turn, text: string): Turn {
  if (text.startsWith(turn.answer)) return { ...turn, answer: text }
  return { ...turn, answer: text, handoffs: turn.handoffs.slice(-1).filter((each) => each.at === 0) }
}

/** Where a character is in a string, which counts some characters as two. */
export function indexOfPoint(text: string, point: number): number {
  let index = 0
  for (let count = 0; count < point && index < text.length; count += 1) {
    index += (text.codePointAt(index) ?? 0) > 0xffff ? 2 : 1
  }
  return index
}

/** Words were said, and by nobody: this is a stored answer, told without its route. */
function isRetold(turn: Turn): boolean {
  return turn.attempts.length === 0 && (turn.usage?.outputTokens ?? 0) > 0
}

function doneStatus(turn: Turn, tokens: number | null): MessageStatus {
  const states = turn.attempts.map((each) => each.state)
  if (states.includes('succeeded')) return 'complete'
  if (turn.stopping) return 'stopped'
  // Words that cost nothing are the server's own: a lock cut the cloud off before its first word.
  if (states.includes('cancelled')) return tokens === 0 && turn.answer !== '' ? 'fallback' : 'stopped'
  // A stream that begins with a start tells of everyone who is asked, so silence means that nobody was.
  const told = turn.id !== null || turn.attempts.length + turn.skipped.length > 0
  if (isRetold(turn)) return 'complete'
  return told && states.every((state) => state === 'failed') ? 'fallback' : 'complete'
}

function end(turn: Turn, status: MessageStatus, rest: Partial<Turn> = {}): Turn {
  return { ...turn, ...rest, status, stopping: false, link: 'here', queue: null }
}

function reopened(turn: Turn, anew: boolean): Turn {
  const stopping = turn.status === 'running' && turn.stopping
  const running: Turn = { ...turn, status: 'running', live: true, stopping, error: null, link: 'here' }
  if (!anew) return running
  return { ...running, whole: true, attempts: [], skipped: [], handoffs: [], usage: null, answer: '' }
}

function streamed(turn: Turn, event: StreamEvent): Turn {
  switch (event.type) {
    case 'start':
      return { ...turn, id: event.messageId }
    case 'route': {
      const { type: _, ...change } = event
      return withRoute(turn, change)
    }
    case 'queue':
      return { ...turn, queue: { provider: turn.queue?.provider ?? '', place: event.place } }
    case 'handoff': {
      const { type: _, ...handoff } = event
      return { ...turn, handoffs: [...turn.handoffs, handoff] }
    }
    case 'delta':
      return { ...turn, answer: turn.answer + event.text }
    case 'replace':
      return withText(turn, event.text)
    case 'usage':
      return { ...turn, usage: event.usage }
    case 'done':
      return end(turn, doneStatus(turn, event.tokens), {
        tokens: event.tokens,
        latencyMs: event.latencyMs,
        whole: turn.whole && !isRetold(turn),
      })
    case 'error':
      if (turn.stopping) return end(turn, 'stopped')
      return end(turn, turn.answer === '' ? 'failed' : 'interrupted', { error: event.message })
  }
}

/** The turn after an event. Pure; returns the same value where nothing changed. */
export function reduceTurn(turn: Turn, event: TurnEvent): Turn {
  if (event.type === 'reopen') return reopened(turn, event.anew)
  if (turn.status !== 'running') return turn
  switch (event.type) {
    case 'stop':
      return { ...turn, stopping: true }
    case 'lost':
      return end(turn, turn.stopping ? 'stopped' : 'interrupted', { whole: false })
    case 'spoke':
      return { ...turn, waitedMs: event.afterMs }
    case 'away':
      return turn.id === null ? { ...turn, link: 'unsent' } : { ...turn, link: 'away', whole: false }
    case 'back':
      return turn.link === 'here' ? turn : { ...turn, link: 'here' }
    default: {
      const next = streamed(turn, event)
      return next.link === 'here' ? next : { ...next, link: 'here' }
    }
  }
}
