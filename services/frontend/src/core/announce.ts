/** What a screen reader hears of an answer: its boundaries, never its words. */

import { t } from '../strings'
import { providerName } from './providers'
import { currentAttempt, type Turn } from './turn'

function ending(turn: Turn): string {
  switch (turn.status) {
    case 'complete':
      return t.announce.complete
    case 'stopped':
      return t.announce.stopped
    case 'interrupted':
      return t.announce.interrupted
    case 'fallback':
      return t.announce.fallback
    default:
      // A failed answer is an alert of its own.
      return ''
  }
}

/**
 * The sentence for the step between two states of one answer. Empty: what was said before holds no more; null: it still
 * holds.
 */
export function boundary(before: Turn, after: Turn): string | null {
  if (before.status === 'running' && after.status !== 'running') return ending(after)
  if (!before.stopping && after.stopping) return t.announce.stopping
  if (before.link === 'here' && after.link !== 'here') return after.link === 'away' ? t.announce.away : t.announce.unsent
  if (before.link === 'away' && after.link === 'here') return t.announce.back
  const attempt = currentAttempt(after)
  if (attempt?.state !== 'streaming' || currentAttempt(before)?.state === 'streaming') return null
  const provider = providerName(attempt.provider)
  const locality = t.locality[attempt.locality].toLowerCase()
  const failed = after.attempts.findLast((each) => each.state === 'failed' && each.provider !== attempt.provider)
  if (failed) return t.announce.failover(providerName(failed.provider), provider, locality)
  return t.announce.answering(provider, locality)
}
