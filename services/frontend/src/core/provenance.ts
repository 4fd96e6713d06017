/** Where an answer came from, as the chip and its panel tell it. */

import type { Locality, StoredAttempt, StoredRoute } from '../api/types'
import type { RouteChange } from './events'
import { modelName, providerName } from './providers'
import { isPassing } from './reasons'
import { currentAttempt, type Turn } from './turn'

export type Wait = 'choosing' | 'queued' | 'connecting' | 'loading' | 'next'

export type Chip =
  /** Nobody has spoken yet. */
  | { kind: 'waiting'; wait: Wait; provider: string; model: string }
  | {
      kind: 'answered'
      locality: Locality
      provider: string
      model: string
      fallback: boolean
      latencyMs: number | null
    }
  /** Every provider failed, or the answer could not be made. */
  | { kind: 'failed'; latencyMs: number | null }
  /** It ended before anyone spoke. */
  | { kind: 'silent' }

/** One line of the panel. The times are milliseconds from the first attempt's start, where they are known. */
export interface Step {
  kind: 'attempt' | 'skipped'
  provider: string
  model: string
  locality: Locality
  state: RouteChange['state']
  reason: string | null
  sent: boolean
  startMs: number | null
  firstTokenMs: number | null
  endMs: number | null
}

export interface Trail {
  steps: readonly Step[]
  firstTokenMs: number | null
  costUsd: number | null
  /** Names of those in the cloud, or beyond this machine, that were sent the conversation, in order. */
  sentTo: readonly string[]
}

type Asked = Pick<RouteChange, 'provider' | 'locality'> & { failed: boolean }
type Left = Pick<RouteChange, 'locality' | 'reason'>

/** Another provider was meant to answer: one failed before, or a local one had to be passed over for the cloud. */
function isFallback(provider: string, locality: Locality, asked: readonly Asked[], left: readonly Left[]): boolean {
  if (asked.some((each) => each.failed && each.provider !== provider)) return true
  return locality === 'cloud' && left.some((each) => each.locality === 'local' && isPassing(each.reason))
}

function waiting(attempt: RouteChange | null): Chip | null {
  if (attempt === null) return { kind: 'waiting', wait: 'choosing', provider: '', model: '' }
  const { state } = attempt
  if (state === 'streaming' || state === 'succeeded') return null
  const wait = state === 'queued' || state === 'connecting' || state === 'loading' ? state : 'next'
  return { kind: 'waiting', wait, provider: providerName(attempt.provider), model: modelName(attempt.model) }
}

/** What the chip says. ``route`` is the stored decision, once it was asked for. */
export function chipOf(turn: Turn, route: StoredRoute | null): Chip {
  const { status, provider, locality, latencyMs } = turn
  if (status === 'running' && (turn.live || provider === null)) {
    const chip = waiting(currentAttempt(turn))
    if (chip !== null) return chip
  }
  if (status === 'failed' || status === 'fallback') return { kind: 'failed', latencyMs }
  if (provider === null || locality === null) return { kind: 'silent' }
  const asked = route
    ? route.attempts.map((each) => ({ ...each, failed: each.outcome === 'failed' }))
    : turn.attempts.map((each) => ({ ...each, failed: each.state === 'failed' }))
  return {
    kind: 'answered',
    locality,
    provider: providerName(provider),
    model: modelName(turn.model ?? ''),
    fallback: isFallback(provider, locality, asked, route?.skipped ?? turn.skipped),
    latencyMs,
  }
}

function sentTo(steps: readonly Step[]): string[] {
  return [...new Set(steps.filter((step) => step.sent).map((step) => step.provider))]
}

function liveStep(kind: Step['kind'], change: RouteChange): Step {
  return {
    ...change,
    kind,
    provider: providerName(change.provider),
    model: modelName(change.model),
    startMs: null,
    firstTokenMs: null,
    endMs: null,
  }
}

function storedStep(attempt: StoredAttempt, zero: number): Step {
  return {
    ...attempt,
    kind: 'attempt',
    provider: providerName(attempt.provider),
    model: modelName(attempt.model),
    state: attempt.outcome,
    startMs: attempt.started_ms - zero,
    firstTokenMs: attempt.first_token_ms === null ? null : attempt.first_token_ms - zero,
    endMs: attempt.ended_ms - zero,
  }
}

/** What the stream has told so far. */
export function liveTrail(turn: Turn): Trail {
  const steps = [
    ...turn.attempts.map((each) => liveStep('attempt', each)),
    ...turn.skipped.map((each) => liveStep('skipped', each)),
  ]
  return {
    steps,
    firstTokenMs: turn.usage?.ttftMs ?? null,
    costUsd: turn.usage?.costUsd ?? null,
    sentTo: sentTo(steps),
  }
}

/** The stored decision, in the order in which the attempts were made. */
export function storedTrail(route: StoredRoute): Trail {
  const attempts = [...route.attempts].sort((one, other) => one.attempt - other.attempt)
  const zero = Math.min(...attempts.map((each) => each.started_ms))
  const asked = attempts.map((each) => storedStep(each, zero))
  const skipped = route.skipped.map((each): Step => ({
    ...each,
    kind: 'skipped',
    provider: providerName(each.provider),
    model: modelName(each.model),
    state: 'skipped',
    sent: false,
    startMs: null,
    firstTokenMs: null,
    endMs: null,
  }))
  return {
    steps: [...asked, ...skipped],
    firstTokenMs: asked.find((step) => step.firstTokenMs !== null)?.firstTokenMs ?? null,
    costUsd: route.cost_usd,
    sentTo: sentTo(asked),
  }
}
