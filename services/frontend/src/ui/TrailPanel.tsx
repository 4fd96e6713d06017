import type { StoredRoute } from '../api/types'
import { dollars, duration } from '../core/format'
import { liveTrail, storedTrail, type Part, type Step, type Trail } from '../core/provenance'
import { reasonText } from '../core/reasons'
import type { Turn } from '../core/turn'
import type { Held } from '../state/routes'
import { t } from '../strings'
import { Icon, type IconName } from './Icons'

function iconOf(step: Step): IconName | null {
  switch (step.state) {
    case 'succeeded':
      return 'check'
    case 'failed':
      return 'alert'
    case 'cancelled':
      return 'stop'
    case 'skipped':
      return 'minus'
    default:
      return null
  }
}

/** Where in the whole time a step lay. The same is said in words beside it. */
function Bar({ step, totalMs }: { step: Step; totalMs: number }) {
  if (step.startMs === null || step.endMs === null || totalMs <= 0) return null
  const percent = (ms: number): number => Math.min(100, Math.max(0, (ms / totalMs) * 100))
  const left = percent(step.startMs)
  return (
    <span class="bar" aria-hidden="true">
      <span style={{ left: `${left}%`, width: `${Math.max(2, percent(step.endMs) - left)}%` }} />
    </span>
  )
}

function StepRow({ step, totalMs }: { step: Step; totalMs: number }) {
  const icon = iconOf(step)
  const took = step.startMs !== null && step.endMs !== null ? t.trail.took(duration(step.endMs - step.startMs)) : ''
  return (
    <li class={`step step-${step.state} step-${step.locality}`}>
      {icon === null ? <span class="pulse" /> : <Icon name={icon} size={16} />}
      <div>
        <p>
          <strong>{step.provider}</strong> <span class="quiet">{step.model}</span>
        </p>
        <p class="quiet">
          {[t.locality[step.locality], t.trail.states[step.state], took].filter((word) => word !== '').join(' · ')}
        </p>
        {step.reason !== null && <p>{reasonText(t.reasons, step.reason, t.unknownReason)}</p>}
        <Bar step={step} totalMs={totalMs} />
      </div>
    </li>
  )
}

function tokensOf(turn: Turn): string | null {
  const { usage, tokens } = turn
  if (usage !== null && usage.inputTokens !== null && usage.outputTokens !== null) {
    return t.trail.tokensInOut(usage.inputTokens, usage.outputTokens)
  }
  return tokens === null ? null : String(tokens)
}

export function costOf(costUsd: number | null, estimated: boolean): string | null {
  if (costUsd === null) return null
  if (costUsd === 0) return t.trail.free
  return estimated ? t.trail.estimated(dollars(costUsd)) : dollars(costUsd)
}

export interface Figures {
  totalMs: number | null
  tokens: string | null
  cost: string | null
}

function FigureList({ trail, figures }: { trail: Trail; figures: Figures }) {
  const rows: [string, string | null][] = [
    [t.trail.firstToken, trail.firstTokenMs === null ? null : duration(trail.firstTokenMs)],
    [t.trail.total, figures.totalMs === null ? null : duration(figures.totalMs)],
    [t.trail.tokens, figures.tokens],
    [t.trail.cost, figures.cost],
  ]
  const known = rows.filter(([, value]) => value !== null)
  if (known.length === 0) return null
  return (
    <dl class="figures">
      {known.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

/** Who wrote which part of an answer that was handed on. */
function Parts({ parts }: { parts: readonly Part[] }) {
  if (parts.length === 0) return null
  return (
    <>
      <h4>{t.trail.parts}</h4>
      <ul class="parts">
        {parts.map((part) => (
          <li>
            <strong>{part.provider}</strong>{' '}
            <span class="quiet">{parts.length === 1 ? t.trail.whole : t.trail.part(part.from + 1, part.to)}</span>
          </li>
        ))}
      </ul>
    </>
  )
}

/** ``kept``: what can be said where nothing has left this machine; nothing, where that is not known. */
function Privacy({ trail, kept }: { trail: Trail; kept: string }) {
  const names = (locality: 'local' | 'cloud'): string[] =>
    trail.sentTo.filter((each) => each.locality === locality).map((each) => each.provider)
  const clouds = names('cloud')
  const near = names('local')
  if (clouds.length > 0) {
    return (
      <p class="privacy privacy-sent">
        <Icon name="cloud" size={16} />
        {t.trail.sent(clouds)}
      </p>
    )
  }
  const words = near.length > 0 ? t.trail.overNetwork(near) : kept
  if (words === '') return null
  return (
    <p class="privacy">
      <Icon name="home" size={16} />
      {words}
    </p>
  )
}

interface TimelineProps {
  trail: Trail
  figures: Figures
  /** What is said where nothing has left this machine. */
  kept: string
  /** What is said while, or because, nobody was asked. */
  nobody: string
}

/** Who was asked, in order, what became of it, what it took, and what left this machine. */
export function Timeline({ trail, figures, kept, nobody }: TimelineProps) {
  const totalMs = Math.max(0, ...trail.steps.map((step) => step.endMs ?? 0))
  return (
    <>
      {trail.steps.length === 0 ? (
        <p class="quiet">{nobody}</p>
      ) : (
        <ol class="steps">
          {trail.steps.map((step, at) => (
            <StepRow key={at} step={step} totalMs={totalMs} />
          ))}
        </ol>
      )}
      <Parts parts={trail.parts} />
      <FigureList trail={trail} figures={figures} />
      <Privacy trail={trail} kept={kept} />
    </>
  )
}

interface TrailPanelProps {
  turn: Turn
  route: StoredRoute | null
  state: Held['state']
}

/** The timeline of an answer. */
export function TrailPanel({ turn, route, state }: TrailPanelProps) {
  const trail = route === null ? liveTrail(turn) : storedTrail(route, turn.answer)
  const running = turn.status === 'running'
  if (route === null && trail.steps.length === 0) {
    if (state === 'failed') return <p>{t.trail.unavailable}</p>
    if (turn.id !== null && !running) return <p class="quiet">{t.trail.loading}</p>
  }
  const figures: Figures = {
    totalMs: turn.latencyMs ?? turn.usage?.totalMs ?? null,
    tokens: tokensOf(turn),
    cost: costOf(trail.costUsd, turn.usage?.estimated === true),
  }
  // Without the whole trail only what did leave can be said.
  const known = route !== null || turn.whole
  return (
    <>
      <h3>{t.trail.label}</h3>
      <Timeline
        trail={trail}
        figures={figures}
        kept={!known ? '' : running ? t.trail.privateSoFar : t.trail.private}
        nobody={running ? t.chip.choosing : t.trail.nobody}
      />
    </>
  )
}
