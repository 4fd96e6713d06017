import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import type { StoredRoute } from '../api/types'
import { duration } from '../core/format'
import { chipOf, type Chip, type Fallback } from '../core/provenance'
import { reasonText } from '../core/reasons'
import type { Turn } from '../core/turn'
import { t } from '../strings'
import { useApp } from './context'
import { Icon, type IconName } from './Icons'
import { TrailPanel } from './TrailPanel'

interface Look {
  tone: 'waiting' | 'local' | 'cloud' | 'failed' | 'silent'
  icon: IconName | null
  words: string[]
}

function waitingWords(chip: Extract<Chip, { kind: 'waiting' }>): string {
  const { wait, provider, model, place } = chip
  if (wait === 'choosing') return t.chip.choosing
  const words = t.chip[wait](provider, model)
  return place > 0 ? `${words} ${t.chip.place(place)}` : words
}

function fallbackWords({ provider, reason, midway }: Fallback): string {
  const why = reason === null ? t.trail.states.failed : reasonText(t.briefReasons, reason, (other) => other)
  return midway ? t.chip.goesOn(provider, why) : t.chip.instead(provider, why)
}

function failedWords(latencyMs: number | null): string[] {
  return latencyMs ? [t.chip.failed, duration(latencyMs)] : [t.chip.failed]
}

function lookOf(chip: Chip): Look {
  switch (chip.kind) {
    case 'waiting':
      return { tone: 'waiting', icon: null, words: [waitingWords(chip)] }
    case 'silent':
      return { tone: 'silent', icon: 'minus', words: [chip.said ? t.chip.unknown : t.chip.silent] }
    case 'failed':
      return { tone: 'failed', icon: 'alert', words: failedWords(chip.latencyMs) }
    case 'answered': {
      const words: string[] = [chip.network ? t.chip.network : t.locality[chip.locality]]
      if (chip.locality === 'cloud') words.push(chip.provider)
      if (chip.model !== '') words.push(chip.model)
      if (chip.fallback !== null) words.push(fallbackWords(chip.fallback))
      if (chip.waitedMs !== null) words.push(t.chip.waited(duration(chip.waitedMs)))
      if (chip.latencyMs !== null) words.push(duration(chip.latencyMs))
      return { tone: chip.locality, icon: chip.locality === 'local' ? 'home' : 'cloud', words }
    }
  }
}

interface ProvenanceProps {
  turn: Turn
  /** The stored decision, where it was read. */
  route: StoredRoute | null
  /** What stands beside the chip. */
  children: ComponentChildren
}

/** The chip under every answer, and the panel that it opens. */
export function Provenance({ turn, route, children }: ProvenanceProps) {
  const { routes } = useApp()
  const [open, setOpen] = useState(false)
  const panel = useRef<HTMLDivElement>(null)
  const id = useId()
  const ended = turn.status !== 'running'
  useEffect(() => {
    if (open && ended && turn.id !== null) routes.want(turn.id)
  }, [open, ended, turn.id])
  const state = turn.id !== null && ended ? routes.of(turn.id).value.state : 'none'
  const { tone, icon, words } = lookOf(chipOf(turn, route))
  useEffect(() => {
    if (open) panel.current?.scrollIntoView({ block: 'nearest' })
  }, [open, state])
  return (
    <div class="provenance">
      <div class="chip-row">
        <button
          type="button"
          class={`chip chip-${tone}`}
          aria-expanded={open}
          aria-controls={open ? id : undefined}
          onClick={() => setOpen(!open)}
        >
          {icon === null ? <span class="pulse" /> : <Icon name={icon} size={15} />}
          <span class="hidden">{t.chip.label} </span>
          <span class="chip-words">{words.join(' · ')}</span>
          <Icon name="chevron" size={14} />
        </button>
        {turn.status === 'stopped' && (
          <span class="mark-stopped">
            <Icon name="stop" size={14} />
            {t.answer.stopped}
          </span>
        )}
        {children}
      </div>
      {open && (
        <div class="panel" id={id} ref={panel}>
          <TrailPanel turn={turn} route={route} state={state} />
        </div>
      )}
    </div>
  )
}
