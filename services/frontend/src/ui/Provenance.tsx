import { useEffect, useId, useRef, useState } from 'preact/hooks'
import type { StoredRoute } from '../api/types'
import { duration } from '../core/format'
import { chipOf, type Chip } from '../core/provenance'
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
  const { wait, provider, model } = chip
  return wait === 'choosing' ? t.chip.choosing : t.chip[wait](provider, model)
}

function failedWords(latencyMs: number | null): string[] {
  return latencyMs ? [t.chip.failed, duration(latencyMs)] : [t.chip.failed]
}

function lookOf(chip: Chip): Look {
  switch (chip.kind) {
    case 'waiting':
      return { tone: 'waiting', icon: null, words: [waitingWords(chip)] }
    case 'silent':
      return { tone: 'silent', icon: 'minus', words: [t.chip.silent] }
    case 'failed':
      return { tone: 'failed', icon: 'alert', words: failedWords(chip.latencyMs) }
    case 'answered': {
      const words: string[] = [t.locality[chip.locality]]
      if (chip.locality === 'cloud') words.push(chip.provider)
      if (chip.model !== '') words.push(chip.model)
      if (chip.fallback) words.push(t.chip.fallback)
      if (chip.latencyMs !== null) words.push(duration(chip.latencyMs))
      return { tone: chip.locality, icon: chip.locality === 'local' ? 'home' : 'cloud', words }
    }
  }
}

type Loaded = { route: StoredRoute | null; state: 'none' | 'loading' | 'failed' | 'ready' }

/** The stored decision of an ended answer, read when it is first wanted. */
function useStoredRoute(id: string | null, wanted: boolean): Loaded {
  const app = useApp()
  const [loaded, setLoaded] = useState<Loaded>({ route: null, state: 'none' })
  useEffect(() => {
    if (!wanted || id === null || loaded.state === 'ready') return
    setLoaded({ route: null, state: 'loading' })
    app.route(id).then(
      (route) => setLoaded({ route, state: 'ready' }),
      () => setLoaded({ route: null, state: 'failed' }),
    )
  }, [id, wanted])
  return loaded
}

/** The chip under every answer, and the panel that it opens. */
export function Provenance({ turn }: { turn: Turn }) {
  const [open, setOpen] = useState(false)
  const panel = useRef<HTMLDivElement>(null)
  const id = useId()
  const ended = turn.status !== 'running'
  const { route, state } = useStoredRoute(turn.id, open && ended)
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
      </div>
      {open && (
        <div class="panel" id={id} ref={panel}>
          <TrailPanel turn={turn} route={route} state={state} />
        </div>
      )}
    </div>
  )
}
