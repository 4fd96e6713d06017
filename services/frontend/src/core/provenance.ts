/** Where an answer came from, as the chip and its panel tell it. */

import type { Locality, StoredRoute, StoredAttempt } from '../api/types'
import type { Handoff, RouteChange } from './events'
import { modelName, providerName } from './providers'
import { isPassing } from './reasons'
import { currentAttempt, type Turn } from './turn'

export type Wait = 'choosing' | 'queued' | 'connecting' | 'loading' | 'next'

/** Who was meant to answer and did not, and why. ``midway``: it had begun. */
export interface Fallback {
  provider: string
  reason: string | null
  midway: boolean
}

export type Chip =
  /** Nobody has spoken yet. ``place``: how many come before in the line, counted from 1; 0 where that is not known. */
  | { kind: 'waiting'; wait: Wait; provider: string; model: string; place: number }
  | {
      kind: 'answered'
      locality: Locality
      /** Local, and reached over a network. */
      network: boolean
      provider: string
      model: string
      fallback: Fallback | null
      /** Until the first word, while the answer runs. */
      waitedMs: number | null
      latencyMs: number | null
    }
  /** Every provider failed, or the answer could not be made. */
  | { kind: 'failed'; latencyMs: number | null }
  /** It ended before anyone spoke; ``said``: or whoever spoke is not recorded, for the server ended before. */
  | { kind: 'silent'; said: boolean }

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

/** Who wrote the answer from one character up to before another. */
export interface Part {
  provider: string
  from: number
  to: number
}

/** Somebody who was sent the conversation over a network. */
export interface Receiver {
  provider: string
  locality: Locality
}

export interface Trail {
  steps: readonly Step[]
  /** More than one where the answer was handed on. */
  parts: readonly Part[]
  firstTokenMs: number | null
  costUsd: number | null
  /** In the order in which they were asked. */
  sentTo: readonly Receiver[]
}

type Asked = Pick<RouteChange, 'provider' | 'locality' | 'reason' | 'sent'> & { failed: boolean }
type Left = Pick<RouteChange, 'provider' | 'locality' | 'reason'>

/** Another provider was meant to answer: one failed before, or a local one had to be passed over for the cloud. */
function fallbackOf(
  turn: Turn,
  asked: readonly Asked[],
  left: readonly Left[],
  handoffs: readonly Handoff[],
): Fallback | null {
  const { provider, locality } = turn
  // Whoever failed to go on for the one that answered was never meant to come before it.
  const before = asked.slice(0, asked.findLastIndex((each) => each.provider === provider))
  const failed = before.find((each) => each.failed && each.provider !== provider)
  const skipped = left.find((each) => each.locality === 'local' && isPassing(each.reason))
  const instead = failed ?? (locality === 'cloud' ? skipped : undefined)
  if (instead === undefined) return null
  const midway = handoffs.some((each) => each.from === instead.provider && each.at > 0)
  return { provider: providerName(instead.provider), reason: instead.reason, midway }
}

function waiting(turn: Turn): Chip | null {
  const { queue } = turn
  if (queue !== null && queue.provider !== '') {
    return { kind: 'waiting', wait: 'queued', provider: providerName(queue.provider), model: '', place: queue.place }
  }
  const attempt = currentAttempt(turn)
  if (attempt === null) return { kind: 'waiting', wait: 'choosing', provider: '', model: '', place: 0 }
  const { state } = attempt
  if (state === 'streaming' || state === 'succeeded') return null
  const wait = state === 'connecting' || state === 'loading' ? state : 'next'
  return { kind: 'waiting', wait, provider: providerName(attempt.provider), model: modelName(attempt.model), place: 0 }
}

/** What the chip says. ``route`` is the stored decision, once it was asked for. */
export function chipOf(turn: Turn, route: StoredRoute | null): Chip {
  const { status, provider, locality, latencyMs, waitedMs } = turn
  if (status === 'running' && (turn.live || provider === null)) {
    const chip = waiting(turn)
    if (chip !== null) return chip
  }
  if (status === 'failed' || status === 'fallback') return { kind: 'failed', latencyMs }
  if (provider === null || locality === null) return { kind: 'silent', said: turn.answer !== '' }
  const asked: Asked[] = route
    ? route.attempts.map((each) => ({ ...each, failed: each.outcome === 'failed' }))
    : turn.attempts.map((each) => ({ ...each, failed: each.state === 'failed' }))
  return {
    kind: 'answered',
    locality,
    network: locality === 'local' && asked.some((each) => each.provider === provider && each.sent),
    provider: providerName(provider),
    model: modelName(turn.model ?? ''),
    fallback: fallbackOf(turn, asked, route?.skipped ?? turn.skipped, route?.handoffs ?? turn.handoffs),
    waitedMs: status === 'running' ? waitedMs : null,
    latencyMs: status === 'running' ? null : latencyMs,
  }
}

const KEPT: readonly string[] = ['cloud_disabled', 'preference', 'local_only']

/** The lock that kept the cloud from being asked where nobody answered; null where that was not why. */
export function whyKeptLocal(turn: Turn, route: StoredRoute | null): string | null {
  const left: readonly Left[] = route?.skipped ?? turn.skipped
  const clouds = left.filter((each) => each.locality === 'cloud').map((each) => each.reason ?? '')
  return KEPT.find((reason) => clouds.includes(reason)) ?? null
}

/** Who wrote which part, where more than one did. */
function partsOf(answer: string, handoffs: readonly Handoff[]): Part[] {
  const [first] = handoffs
  if (first === undefined) return []
  // As the server counts them.
  const length = [...answer].length
  const writers = [first.from, ...handoffs.map((each) => each.to)]
  const edges = [0, ...handoffs.map((each) => Math.min(each.at, length)), length]
  return writers
    .map((writer, at) => ({ provider: providerName(writer), from: edges[at] as number, to: edges[at + 1] as number }))
    .filter((part) => part.from < part.to)
}

function sentTo(steps: readonly Step[]): Receiver[] {
  const receivers = new Map<string, Receiver>()
  for (const { sent, provider, locality } of steps) if (sent) receivers.set(provider, { provider, locality })
  return [...receivers.values()]
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
    state: attempt.outcome ?? 'streaming',
    startMs: attempt.started_ms - zero,
    firstTokenMs: attempt.first_token_ms === null ? null : attempt.first_token_ms - zero,
    endMs: attempt.ended_ms === null ? null : attempt.ended_ms - zero,
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
    parts: partsOf(turn.answer, turn.handoffs),
    firstTokenMs: turn.usage?.ttftMs ?? null,
    costUsd: turn.usage?.costUsd ?? null,
    sentTo: sentTo(steps),
  }
}

/** The stored decision, in the order in which the attempts were made. Without the answer nobody can say who wrote what. */
export function storedTrail(route: Omit<StoredRoute, 'message_id' | 'status'>, answer: string): Trail {
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
    parts: partsOf(answer, route.handoffs),
    firstTokenMs: asked.find((step) => step.firstTokenMs !== null)?.firstTokenMs ?? null,
    costUsd: route.cost_usd,
    sentTo: sentTo(asked),
  }
}
