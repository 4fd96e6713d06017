/** Values for tests: each maker gives a plain one, and takes what matters to the test. */

import type { Explained, Prompt, Session, StoredAttempt, StoredRoute } from '../src/api/types'
import type { RouteChange } from '../src/core/events'
import { newTurn, reduceTurn, type Turn, type TurnEvent } from '../src/core/turn'

export function routeChange(rest: Partial<RouteChange> = {}): RouteChange {
  return {
    attempt: 1,
    provider: 'ollama',
    model: 'llama3.2:3b',
    locality: 'local',
    state: 'connecting',
    reason: null,
    sent: false,
    ...rest,
  }
}

export const GEMINI = { provider: 'gemini', model: 'models/gemini-2.5-flash', locality: 'cloud', sent: true } as const

export function route(rest: Partial<RouteChange> = {}): TurnEvent {
  return { type: 'route', ...routeChange(rest) }
}

export const START: TurnEvent = { type: 'start', messageId: 'm1', sessionId: 's1' }
export const DONE: TurnEvent = { type: 'done', tokens: 7, latencyMs: 2_100 }

export function delta(text: string): TurnEvent {
  return { type: 'delta', text }
}

export function turnAfter(...events: TurnEvent[]): Turn {
  return events.reduce(reduceTurn, newTurn('k1', 'Why?'))
}

export function prompt(rest: Partial<Prompt> = {}): Prompt {
  return {
    id: 'm1',
    parent_id: null,
    session_id: 's1',
    user_id: 'u1',
    input_text: 'Why?',
    output_text: 'Because.',
    tokens_used: 7,
    latency_ms: 2_100,
    created_at: '2026-01-01T10:00:00Z',
    provider: 'ollama',
    model: 'llama3.2:3b',
    locality: 'local',
    status: 'complete',
    ...rest,
  }
}

export function session(rest: Partial<Session> = {}): Session {
  return {
    id: 's1',
    user_id: 'u1',
    title: 'Why',
    status: 'active',
    local_only: false,
    model_name: null,
    created_at: '2026-01-01T10:00:00Z',
    ended_at: null,
    ...rest,
  }
}

export function storedAttempt(rest: Partial<StoredAttempt> = {}): StoredAttempt {
  return {
    attempt: 1,
    provider: 'ollama',
    model: 'llama3.2:3b',
    locality: 'local',
    outcome: 'succeeded',
    reason: null,
    sent: false,
    started_ms: 0,
    first_token_ms: 400,
    ended_ms: 2_100,
    ...rest,
  }
}

export function storedRoute(rest: Partial<StoredRoute> = {}): StoredRoute {
  const attempts = [storedAttempt()]
  return { message_id: 'm1', status: 'complete', attempts, skipped: [], handoffs: [], cost_usd: 0, ...rest }
}

export function explained(rest: Partial<Explained> = {}): Explained {
  const ollama = { provider: 'ollama', model: 'llama3.2:3b', locality: 'local', on_this_machine: true } as const
  const gemini = { provider: 'gemini', model: 'models/gemini-2.5-flash', locality: 'cloud' } as const
  return { locks: [], attempts: [ollama, gemini], skipped: [], ...rest }
}
