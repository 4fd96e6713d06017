import type { FallbackTurn } from '../api/operator'
import { moment, seconds } from '../core/figures'
import { storedTrail } from '../core/provenance'
import { providerName } from '../core/providers'
import { t } from '../strings'
import { operator as words } from '../strings/operator'
import { Icon } from '../ui/Icons'
import { Copy } from '../ui/parts'
import { costOf, Timeline, type Figures } from '../ui/TrailPanel'
import { reasonOf } from './reason'

const named = (provider: string | null): string => (provider === null ? words.nobody : providerName(provider))

function figuresOf(turn: FallbackTurn): Figures {
  const sum = (of: 'input_tokens' | 'output_tokens'): number => turn.attempts.reduce((all, each) => all + each[of], 0)
  const estimated = turn.attempts.some((each) => each.estimated)
  return {
    totalMs: turn.took_ms,
    tokens: t.trail.tokensInOut(sum('input_tokens'), sum('output_tokens')),
    cost: costOf(turn.cost_usd, estimated),
  }
}

/** An id by which a turn is found elsewhere. */
function Id({ name, id, copy }: { name: string; id: string; copy: string }) {
  return (
    <p class="line">
      <span class="quiet">{name}</span> <code>{id}</code> <Copy text={id} label={copy} />
    </p>
  )
}

/** The same timeline as below an answer, and where to look further. Of others' turns nothing that was said is told. */
function Trace({ turn }: { turn: FallbackTurn }) {
  const trail = storedTrail({ ...turn, handoffs: [] }, '')
  return (
    <div class="panel provenance">
      <Timeline trail={trail} figures={figuresOf(turn)} kept={t.trail.private} nobody={t.trail.nobody} />
      <div class="trace-ids">
        <Id name={words.requestId} id={turn.request_id} copy={words.copyRequestId} />
        {turn.trace_id !== null && <Id name={words.traceId} id={turn.trace_id} copy={words.copyTraceId} />}
        {turn.mine && turn.message_id !== null ? (
          <p>
            <a href={`/api/chat/messages/${turn.message_id}/route`}>{words.openMessage}</a>
          </p>
        ) : (
          <p class="quiet">{turn.mine ? words.notStored : words.notYourMessage}</p>
        )}
      </div>
    </div>
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
              <Icon name="chevron" size={14} />
            </summary>
            <Trace turn={turn} />
          </details>
        </li>
      ))}
    </ul>
  )
}
