import type { Signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import type { Turn } from '../core/turn'
import { t } from '../strings'
import { Icon, type IconName } from './Icons'
import { Markdown } from './Markdown'
import { Provenance } from './Provenance'

interface NoteProps {
  icon: IconName
  tone: 'failed' | 'plain'
  title: string
  /** It has happened just now, so it is read aloud. */
  alert: boolean
  children?: ComponentChildren
}

function Note({ icon, tone, title, alert, children }: NoteProps) {
  return (
    <div class={`note note-${tone}`} role={alert ? 'alert' : undefined}>
      <Icon name={icon} />
      <div>
        <strong>{title}</strong>
        {children}
      </div>
    </div>
  )
}

/** How it ended, where it did not end well. */
function Ending({ turn }: { turn: Turn }) {
  if (turn.status === 'interrupted') {
    const detail = turn.error ?? (turn.answer === '' ? t.answer.interruptedEmpty : t.answer.interruptedDetail)
    return (
      <Note icon="alert" tone="failed" title={t.answer.interrupted} alert={false}>
        <p>{detail}</p>
      </Note>
    )
  }
  if (turn.status === 'failed') {
    return (
      <Note icon="alert" tone="failed" title={t.answer.failed} alert={turn.live}>
        <p>{turn.error ?? t.answer.failedDetail}</p>
      </Note>
    )
  }
  if (turn.status === 'running' && !turn.live) return <p class="quiet">{t.answer.elsewhere}</p>
  return null
}

function Body({ turn }: { turn: Turn }) {
  if (turn.status === 'fallback') {
    return (
      <Note icon="alert" tone="failed" title={t.answer.fallback} alert={false}>
        <Markdown text={turn.answer} growing={false} />
      </Note>
    )
  }
  return turn.answer === '' ? null : <Markdown text={turn.answer} growing={turn.status === 'running'} />
}

export function AnswerView({ turn: source }: { turn: Signal<Turn> }) {
  const turn = source.value
  return (
    <div class="answer" aria-busy={turn.status === 'running'}>
      <Body turn={turn} />
      <Ending turn={turn} />
      <Provenance turn={turn} />
    </div>
  )
}
