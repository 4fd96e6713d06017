import type { Signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { StoredRoute } from '../api/types'
import { providerName } from '../core/providers'
import { whyKeptLocal } from '../core/provenance'
import { inWords } from '../core/reasons'
import type { Turn } from '../core/turn'
import type { Thread } from '../state/thread'
import { t } from '../strings'
import { Actions } from './Actions'
import { useApp } from './context'
import { focusBack } from './focus'
import { Icon, type IconName } from './Icons'
import { UnlockDialog } from './LockSwitch'
import { Prose } from './Prose'
import { Provenance } from './Provenance'
import type { Seam } from './SeamMark'
import { whenSeen } from './seen'

interface NoteProps {
  icon: IconName
  tone: 'failed' | 'plain' | 'local'
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

interface Shown {
  thread: Thread
  turn: Turn
  route: StoredRoute | null
}

function AgainButton({ turn }: { turn: Turn }) {
  const app = useApp()
  const ask = (): void => {
    app.regenerate(turn, null)
    focusBack()
  }
  return (
    <button type="button" class="button" onClick={ask}>
      <Icon name="again" size={16} />
      {t.answer.again}
    </button>
  )
}

function GoOnButton({ turn }: { turn: Turn }) {
  const app = useApp()
  const goOn = (): void => {
    app.goOn(turn)
    focusBack()
  }
  return (
    <button type="button" class="button button-first" onClick={goOn}>
      <Icon name="forward" size={16} />
      {t.answer.goOn}
    </button>
  )
}

/** How it ended, where it did not end well, and how to go on. */
function Ending({ turn }: { turn: Turn }) {
  const error = turn.error === null ? null : inWords(turn.error, t.briefReasons)
  if (turn.status === 'interrupted') {
    const detail = error ?? (turn.answer === '' ? t.answer.interruptedEmpty : t.answer.interruptedDetail)
    return (
      <Note icon="alert" tone="failed" title={t.answer.interrupted} alert={false}>
        <p>{detail}</p>
        <p class="note-actions">
          <GoOnButton turn={turn} />
          <AgainButton turn={turn} />
        </p>
      </Note>
    )
  }
  if (turn.status === 'failed') {
    return (
      <Note icon="alert" tone="failed" title={t.answer.failed} alert={turn.live}>
        <p>{error ?? t.answer.failedDetail}</p>
        <p class="note-actions">
          <AgainButton turn={turn} />
        </p>
      </Note>
    )
  }
  return null
}

/** Where the page is out of touch with the server. */
function OutOfTouch({ turn }: { turn: Turn }) {
  const app = useApp()
  const takeBack = (): void => {
    app.stop()
    focusBack()
  }
  if (turn.link === 'away') {
    return (
      <p class="away">
        <Icon name="away" size={16} />
        {t.answer.away}
      </p>
    )
  }
  return (
    <Note icon="away" tone="plain" title={t.thread.unsent} alert={false}>
      <p>{t.thread.unsentDetail}</p>
      <p class="note-actions">
        <button type="button" class="button" onClick={() => app.hurry()}>
          {t.thread.sendNow}
        </button>
        <button type="button" class="button" onClick={takeBack}>
          {t.thread.takeBack}
        </button>
      </p>
    </Note>
  )
}

/** Nobody answered. Where a lock was the cause, that is no fault, and it can be opened where it is the reader's. */
function Nobody({ thread, turn, route }: Shown) {
  const app = useApp()
  const [asking, setAsking] = useState(false)
  const kept = whyKeptLocal(turn, route)
  const done = (unlocked: boolean): void => {
    setAsking(false)
    if (!unlocked) return
    app.regenerate(turn, null)
    focusBack()
  }
  return (
    <Note
      icon={kept === null ? 'alert' : 'lock'}
      tone={kept === null ? 'failed' : 'local'}
      title={kept === null ? t.answer.fallback : t.answer.refused}
      alert={false}
    >
      <Prose text={turn.answer} growing={false} />
      <p class="note-actions">
        <AgainButton turn={turn} />
        {kept === 'local_only' && thread.locked.value === true && (
          <button type="button" class="button" onClick={() => setAsking(true)}>
            <Icon name="cloud" size={16} />
            {t.answer.allowCloud}
          </button>
        )}
      </p>
      {asking && <UnlockDialog thread={thread} onDone={done} />}
    </Note>
  )
}

function seamsOf(turn: Turn, route: StoredRoute | null): Seam[] {
  const handoffs = route?.handoffs ?? turn.handoffs
  const attempts = route?.attempts ?? turn.attempts
  return handoffs.map(({ at, to }) => ({
    at,
    provider: providerName(to),
    locality: attempts.findLast((each) => each.provider === to)?.locality ?? 'cloud',
  }))
}

function Body({ thread, turn, route }: Shown) {
  const seams = useMemo(() => seamsOf(turn, route), [turn.handoffs, turn.attempts, route])
  if (turn.status === 'fallback') return <Nobody thread={thread} turn={turn} route={route} />
  if (turn.answer === '') return null
  return <Prose text={turn.answer} growing={turn.status === 'running'} seams={seams} />
}

/** Where the answer came from, as it is stored: read once the reader comes near it, for the chip and the seams tell. */
function useRoute(element: { current: Element | null }, turn: Turn): StoredRoute | null {
  const { routes } = useApp()
  const { id } = turn
  const told = turn.status === 'running' || turn.whole
  useEffect(() => {
    if (id === null || told || element.current === null || typeof IntersectionObserver === 'undefined') return undefined
    return whenSeen(element.current, () => routes.want(id))
  }, [id, told])
  if (id === null || turn.status === 'running') return null
  return routes.of(id).value.route
}

export function AnswerView({ thread, turn: source }: { thread: Thread; turn: Signal<Turn> }) {
  const turn = source.value
  const element = useRef<HTMLDivElement>(null)
  const route = useRoute(element, turn)
  const shown = { thread, turn, route }
  if (turn.link === 'unsent') {
    return (
      <div class="answer" ref={element}>
        <OutOfTouch turn={turn} />
      </div>
    )
  }
  return (
    <div class="answer" aria-busy={turn.status === 'running'} ref={element}>
      <Body {...shown} />
      {turn.link === 'away' && <OutOfTouch turn={turn} />}
      <Ending turn={turn} />
      <Provenance turn={turn} route={route}>
        <Actions thread={thread} turn={turn} />
      </Provenance>
    </div>
  )
}
