import type { Signal } from '@preact/signals'
import { useComputed } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { DEMO_MODEL } from '../core/providers'
import type { Turn } from '../core/turn'
import type { Thread } from '../state/thread'
import { t } from '../strings'
import { AnswerView } from './AnswerView'
import { useApp } from './context'
import { DemoNotice } from './DemoNotice'
import { useFollow } from './follow'
import { Icon, Mark } from './Icons'

function TurnView({ turn }: { turn: Signal<Turn> }) {
  const question = useComputed(() => turn.value.question)
  return (
    <article class="turn">
      <h2 class="hidden">{t.thread.you}</h2>
      <div class="question">{question.value}</div>
      <h2 class="hidden">{t.thread.assistant}</h2>
      <AnswerView turn={turn} />
    </article>
  )
}

function Empty() {
  return (
    <div class="centre">
      <Mark size={48} />
      <h2>{t.thread.emptyTitle}</h2>
      <p class="quiet">{t.thread.emptyText}</p>
    </div>
  )
}

function Failed({ thread }: { thread: Thread }) {
  const app = useApp()
  return (
    <div class="centre" role="alert">
      <Icon name="alert" size={32} />
      <h2>{t.thread.failed}</h2>
      <p class="quiet">{thread.problem}</p>
      <button type="button" class="button" onClick={() => app.reload()}>
        {t.thread.retry}
      </button>
    </div>
  )
}

function Loading() {
  return (
    <div class="column skeleton" role="img" aria-label={t.thread.loading}>
      <span class="bone bone-question" />
      <span class="bone" />
      <span class="bone" />
      <span class="bone bone-short" />
    </div>
  )
}

function Turns({ thread }: { thread: Thread }) {
  const app = useApp()
  const turns = thread.turns.value
  const { scroller, content, away, onScroll, toEnd } = useFollow()
  const demo = useComputed(() => {
    const last = thread.turns.value.at(-1)?.value
    return last !== undefined && last.model === DEMO_MODEL && last.status !== 'running'
  })
  useEffect(() => {
    // The reader has just sent a message: it is at the end, so that is where they look.
    if (turns.at(-1)?.peek().live) toEnd()
  }, [turns.length])
  const jump = (): void => {
    toEnd()
    scroller.current?.focus()
  }
  return (
    <div class="thread">
      <div
        class="scroller"
        role="log"
        aria-live="off"
        aria-label={t.thread.label}
        tabIndex={0}
        ref={scroller}
        onScroll={onScroll}
      >
        <div class="column" ref={content}>
          {turns.map((turn) => (
            <TurnView key={turn.peek().key} turn={turn} />
          ))}
          {demo.value && !app.demoNoticeDismissed.value && <DemoNotice />}
        </div>
      </div>
      {away && (
        <button type="button" class="jump" onClick={jump}>
          <Icon name="arrowDown" size={16} />
          {t.thread.jump}
        </button>
      )}
    </div>
  )
}

export function ThreadView({ thread }: { thread: Thread }) {
  const loading = thread.loading.value
  if (loading === 'failed') return <Failed thread={thread} />
  if (thread.turns.value.length > 0) return <Turns thread={thread} />
  return loading === 'loading' ? <Loading /> : <Empty />
}
