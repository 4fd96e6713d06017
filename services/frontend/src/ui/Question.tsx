import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Step } from '../core/branches'
import type { Branch, Thread } from '../state/thread'
import { t } from '../strings'
import { useApp } from './context'
import { focusBack, focusSoon } from './focus'
import { Icon } from './Icons'
import { isComposing } from './keys'

export function turnId(key: string): string {
  return `turn-${key}`
}

/** The versions of a message that follow the same words, and the way between them. */
export function Branches({ step }: { step: Step<Branch> }) {
  const app = useApp()
  const { siblings, place } = step
  if (siblings.length < 2) return null
  const go = (by: number): void => {
    const to = siblings[place + by]
    if (to === undefined) return
    app.show(to)
    const name = by < 0 ? '.branch-previous' : '.branch-next'
    focusSoon(() => document.getElementById(turnId(to.key))?.querySelector<HTMLElement>(name))
  }
  return (
    <div class="branches" role="group" aria-label={t.thread.branches}>
      <button type="button" class="icon-button branch-previous" aria-disabled={place === 0} onClick={() => go(-1)}>
        <Icon name="left" size={16} />
        <span class="hidden">{t.thread.previous}</span>
      </button>
      <span aria-live="polite">{t.thread.branch(place + 1, siblings.length)}</span>
      <button
        type="button"
        class="icon-button branch-next"
        aria-disabled={place === siblings.length - 1}
        onClick={() => go(1)}
      >
        <Icon name="right" size={16} />
        <span class="hidden">{t.thread.next}</span>
      </button>
    </div>
  )
}

/** The question, to be sent with other words. */
interface EditorProps {
  question: string
  /** Another answer is on its way. */
  busy: boolean
  onSend: (text: string) => void
  onLeave: () => void
}

function Editor({ question, busy, onSend, onLeave }: EditorProps) {
  const [text, setText] = useState(question)
  const box = useRef<HTMLTextAreaElement>(null)
  // Before it can be seen: later, the caret would jump under the hands of somebody who writes already.
  useLayoutEffect(() => {
    box.current?.focus()
    box.current?.setSelectionRange(question.length, question.length)
  }, [])
  const ready = text.trim() !== '' && !busy
  const send = (event: Event): void => {
    event.preventDefault()
    if (ready) onSend(text.trim())
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (isComposing(event)) return
    if (event.key === 'Enter' && !event.shiftKey) send(event)
    if (event.key !== 'Escape') return
    event.stopPropagation()
    onLeave()
  }
  return (
    <form class="editor" onSubmit={send}>
      <textarea
        ref={box}
        dir="auto"
        aria-label={t.thread.editLabel}
        rows={Math.min(8, text.split('\n').length + 1)}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <div class="editor-foot">
        <button type="button" class="button" onClick={onLeave}>
          {t.thread.editCancel}
        </button>
        <button type="submit" class="button button-first" aria-disabled={!ready}>
          {t.thread.editSend}
        </button>
      </div>
    </form>
  )
}

export function Question({ thread, step }: { thread: Thread; step: Step<Branch> }) {
  const app = useApp()
  const { turn, key } = step.item
  const pen = useRef<HTMLButtonElement>(null)
  const editing = thread.editing.value === key
  const question = turn.value.question
  const busy = thread.running.value !== null
  const leave = (): void => {
    thread.editing.value = null
    focusSoon(() => pen.current)
  }
  const send = (text: string): void => {
    thread.editing.value = null
    app.edit(turn.peek(), text)
    focusBack()
  }
  if (editing) return <Editor question={question} busy={busy} onSend={send} onLeave={leave} />
  return (
    <>
      <div class="question" dir="auto">{question}</div>
      <div class="question-foot">
        <Branches step={step} />
        <button
          type="button"
          class="action"
          ref={pen}
          aria-disabled={busy}
          onClick={() => {
            if (!busy) thread.editing.value = key
          }}
        >
          <Icon name="pen" size={14} />
          {t.thread.edit}
        </button>
      </div>
    </>
  )
}
