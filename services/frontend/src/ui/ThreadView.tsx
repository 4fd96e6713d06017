import { useComputed } from '@preact/signals'
import { useEffect, useLayoutEffect } from 'preact/hooks'
import type { Step } from '../core/branches'
import { DEMO_MODEL } from '../core/providers'
import { shortcutOf } from '../core/shortcuts'
import type { Branch, Thread } from '../state/thread'
import { t } from '../strings'
import { AnswerView } from './AnswerView'
import { useApp } from './context'
import { copyText } from './CopyButton'
import { DemoNotice } from './DemoNotice'
import { useFollow } from './follow'
import { Icon, Mark } from './Icons'
import { Question, turnId } from './Question'

function TurnView({ thread, step }: { thread: Thread; step: Step<Branch> }) {
  return (
    <article class="turn" id={turnId(step.item.key)}>
      <h2 class="hidden">{t.thread.you}</h2>
      <Question thread={thread} step={step} />
      <h2 class="hidden">{t.thread.assistant}</h2>
      <AnswerView thread={thread} turn={step.item.turn} />
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

/** Copies the last answer, and says so. */
function useCopyKey(thread: Thread): void {
  const app = useApp()
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (shortcutOf(event) !== 'copy') return
      const last = thread.path.peek().findLast((each) => each.item.turn.peek().answer !== '')
      if (last === undefined) return
      event.preventDefault()
      void copyText(last.item.turn.peek().answer).then((copied) =>
        app.say(copied ? t.answer.copied : t.answer.copyFailed),
      )
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [thread])
}

function Turns({ thread }: { thread: Thread }) {
  const app = useApp()
  const path = thread.path.value
  const { scroller, content, away, onScroll, toEnd } = useFollow()
  const demo = useComputed(() => {
    const last = thread.path.value.at(-1)?.item.turn.value
    return last !== undefined && last.model === DEMO_MODEL && last.status !== 'running'
  })
  useEffect(() => {
    // The reader has just sent a message: it is at the end, so that is where they look.
    if (path.at(-1)?.item.turn.peek().live) toEnd()
  }, [path.length, path.at(-1)?.item.key])
  useCopyKey(thread)
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
          {path.map((step) => (
            <TurnView key={step.item.key} thread={thread} step={step} />
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
