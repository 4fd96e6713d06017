/** From a frame of the chat stream to an event of the page. What is unknown or unreadable is left out. */

import type { AttemptState, Locality } from '../api/types'
import type { Frame } from './sse'

export interface RouteChange {
  attempt: number
  provider: string
  model: string
  locality: Locality
  state: AttemptState
  reason: string | null
  sent: boolean
}

export interface Usage {
  inputTokens: number | null
  outputTokens: number | null
  costUsd: number | null
  estimated: boolean
  ttftMs: number | null
  totalMs: number | null
}

/** From here on, ``at`` characters into the answer, another provider speaks. */
export interface Handoff {
  from: string
  to: string
  at: number
  reason: string
}

export type StreamEvent =
  | { type: 'start'; messageId: string; sessionId: string }
  | ({ type: 'route' } & RouteChange)
  | { type: 'queue'; place: number }
  | ({ type: 'handoff' } & Handoff)
  | { type: 'usage'; usage: Usage }
  | { type: 'delta'; text: string }
  | { type: 'replace'; text: string }
  | { type: 'done'; tokens: number | null; latencyMs: number | null }
  | { type: 'error'; message: string }

type Fields = Record<string, unknown>

const STATES: ReadonlySet<string> = new Set<AttemptState>([
  'queued',
  'connecting',
  'loading',
  'streaming',
  'failed',
  'skipped',
  'succeeded',
  'cancelled',
])

const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const number = (value: unknown): number | null => (typeof value === 'number' ? value : null)

function parse(data: string): Fields | null {
  try {
    const value: unknown = JSON.parse(data)
    return typeof value === 'object' && value !== null ? (value as Fields) : null
  } catch {
    return null
  }
}

function answer(fields: Fields): StreamEvent | null {
  if (typeof fields.error === 'string') return { type: 'error', message: fields.error }
  if (fields.done === true) {
    return { type: 'done', tokens: number(fields.tokens_used), latencyMs: number(fields.latency_ms) }
  }
  return typeof fields.content === 'string' && fields.content !== '' ? { type: 'delta', text: fields.content } : null
}

function route(fields: Fields): StreamEvent | null {
  if (typeof fields.state !== 'string' || !STATES.has(fields.state)) return null
  return {
    type: 'route',
    attempt: number(fields.attempt) ?? 0,
    provider: text(fields.provider),
    model: text(fields.model),
    locality: fields.locality === 'local' ? 'local' : 'cloud',
    state: fields.state as AttemptState,
    reason: text(fields.reason) || null,
    sent: fields.sent === true,
  }
}

function usage(fields: Fields): StreamEvent {
  return {
    type: 'usage',
    usage: {
      inputTokens: number(fields.input_tokens),
      outputTokens: number(fields.output_tokens),
      costUsd: number(fields.cost_usd),
      estimated: fields.estimated === true,
      ttftMs: number(fields.ttft_ms),
      totalMs: number(fields.total_ms),
    },
  }
}

function handoff(fields: Fields): StreamEvent {
  const { from, to, reason } = fields
  return { type: 'handoff', from: text(from), to: text(to), at: number(fields.at) ?? 0, reason: text(reason) }
}

export function decode(frame: Frame): StreamEvent | null {
  const fields = parse(frame.data)
  if (fields === null) return null
  switch (frame.event) {
    case 'message':
      return answer(fields)
    case 'start':
      return { type: 'start', messageId: text(fields.message_id), sessionId: text(fields.session_id) }
    case 'route':
      return route(fields)
    case 'queue':
      return { type: 'queue', place: number(fields.place) ?? 0 }
    case 'handoff':
      return handoff(fields)
    case 'usage':
      return usage(fields)
    case 'replace':
      return { type: 'replace', text: text(fields.content) }
    case 'reset':
      return { type: 'replace', text: '' }
    default:
      return null
  }
}
