import type { FallbackTurn } from '../api/operator'
import { moment, seconds } from '../core/figures'
import { modelName, providerName } from '../core/providers'
import { t } from '../strings'
import { operator as words } from '../strings/operator'
import { Icon } from '../ui/Icons'
import { reasonOf } from './reason'

const named = (provider: string | null): string => (provider === null ? words.nobody : providerName(provider))

/** Every step of a turn, with what left this machine. */
function Trace({ turn }: { turn: FallbackTurn }) {
  return (
    <ol class="trace">
      {turn.attempts.map((attempt, at) => (
        <li key={at}>
          <strong>{providerName(attempt.provider)}</strong> {modelName(attempt.model)} ·{' '}
          {[
            t.locality[attempt.locality],
            attempt.outcome === null ? '' : words.outcomes[attempt.outcome],
            attempt.ended_ms === null ? '' : seconds(attempt.ended_ms - attempt.started_ms),
            attempt.sent ? '' : words.traceNotSent,
          ]
            .filter((word) => word !== '')
            .join(' · ')}
          {attempt.reason !== null && <p class="quiet">{reasonOf(attempt.reason)}</p>}
        </li>
      ))}
      {turn.skipped.map((skip) => (
        <li key={skip.provider}>
          {words.notAsked(providerName(skip.provider))} <span class="quiet">{reasonOf(skip.reason)}</span>
        </li>
      ))}
      {turn.mine && turn.message_id !== null && (
        <li>
          <a href={`/api/chat/messages/${turn.message_id}/route`}>{words.openMessage}</a>
        </li>
      )}
    </ol>
  )
}

/** The last turns that their first choice did not answer. */
export function Fallbacks({ turns }: { turns: FallbackTurn[] }) {
  if (turns.length === 0) return <p class="quiet">{words.noFallbacks}</p>
  return (
    <ul class="items">
      {turns.map((turn) => (
        <li key={turn.request_id + turn.at} class="fallback">
          <details>
            <summary>
              <span class={`tag ${turn.provider === null ? 'tag-failed' : `tag-${turn.locality ?? 'local'}`}`}>
                <Icon name={turn.provider === null ? 'alert' : turn.locality === 'cloud' ? 'cloud' : 'home'} size={13} />{' '}
                {words.fallback(named(turn.first_choice), named(turn.provider))}
              </span>
              <span class="item-text">{turn.reason !== null && reasonOf(turn.reason)}</span>
              <span class="quiet">
                {moment(turn.at)} · {seconds(turn.took_ms)}
              </span>
            </summary>
            <Trace turn={turn} />
          </details>
        </li>
      ))}
    </ul>
  )
}
