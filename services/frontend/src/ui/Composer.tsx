import { useComputed } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import type { Thread } from '../state/thread'
import { t } from '../strings'
import { useApp } from './context'
import { focusBack, useHandOn } from './focus'
import { Icon } from './Icons'
import { isComposing } from './keys'
import { LockSwitch, PrivacyLine } from './LockSwitch'

function useStopKey(running: boolean): void {
  const app = useApp()
  useLayoutEffect(() => {
    if (!running) return undefined
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === 'Escape' && !isComposing(event)) app.stop()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [running])
}

function StopButton({ stopping, unsent }: { stopping: boolean; unsent: boolean }) {
  const app = useApp()
  const handOn = useHandOn(() => document.getElementById('message'))
  const stop = (event: MouseEvent): void => {
    // The second click of a double click on Send lands here, and means nothing.
    if (event.detail < 2) app.stop()
  }
  const words = stopping ? t.composer.stopping : unsent ? t.composer.takeBack : t.composer.stop
  return (
    <button type="button" class="send stop" ref={handOn} aria-disabled={stopping} onClick={stop}>
      <Icon name={unsent ? 'close' : 'stop'} />
      <span>{words}</span>
    </button>
  )
}

function SendButton({ ready }: { ready: boolean }) {
  return (
    <button type="submit" class="send" aria-disabled={!ready}>
      <Icon name="send" />
      <span class="hidden">{t.composer.send}</span>
    </button>
  )
}

/** Why something was not done, and what a lock has cut off. */
function Notes({ thread }: { thread: Thread }) {
  const refusal = thread.refusal.value
  const cutOff = thread.cutOff.value
  const dismiss = (): void => {
    thread.cutOff.value = ''
    focusBack()
  }
  return (
    <>
      {refusal !== '' && (
        <p class="refusal" role="alert">
          <Icon name="alert" size={16} />
          <span>
            <strong>{t.composer.notSent}</strong> {refusal}
          </span>
        </p>
      )}
      {cutOff !== '' && (
        <p class="refusal cut-off">
          <Icon name="lock" size={16} />
          <span>{cutOff}</span>
          <button type="button" class="icon-button" onClick={dismiss}>
            <Icon name="close" size={16} />
            <span class="hidden">{t.composer.dismiss}</span>
          </button>
        </p>
      )}
    </>
  )
}

/** Change the last question that was sent. Whether there is one. */
function editLast(thread: Thread): boolean {
  const last = thread.path.peek().at(-1)
  if (last === undefined || thread.running.peek() !== null) return false
  thread.editing.value = last.item.key
  return true
}

function Box({ thread, onSend }: { thread: Thread; onSend: () => void }) {
  const box = useRef<HTMLTextAreaElement>(null)
  const draft = thread.draft.value
  useLayoutEffect(() => {
    // On a touch screen the focus would open the keyboard over the conversation.
    if (matchMedia('(pointer: fine)').matches) box.current?.focus()
  }, [])
  useLayoutEffect(() => {
    const area = box.current
    // A browser that fits the box to its text needs no help, and no layout in the middle of a key stroke.
    if (area === null || CSS.supports('field-sizing', 'content')) return
    area.style.height = 'auto'
    area.style.height = `${area.scrollHeight}px`
  }, [draft])
  const onKeyDown = (event: KeyboardEvent): void => {
    if (isComposing(event)) return
    if (event.key === 'ArrowUp' && draft === '' && editLast(thread)) event.preventDefault()
    if (event.key !== 'Enter' || event.shiftKey) return
    event.preventDefault()
    onSend()
    box.current?.focus()
  }
  return (
    <textarea
      id="message"
      ref={box}
      rows={1}
      dir="auto"
      placeholder={t.composer.placeholder}
      aria-describedby="message-privacy message-hint"
      value={draft}
      onInput={(event) => {
        thread.draft.value = event.currentTarget.value
      }}
      onKeyDown={onKeyDown}
    />
  )
}

export function Composer({ thread }: { thread: Thread }) {
  const app = useApp()
  const running = thread.running.value !== null
  const stopping = useComputed(() => thread.running.value?.value.stopping === true)
  const unsent = useComputed(() => thread.running.value?.value.link === 'unsent')
  const empty = useComputed(() => thread.draft.value.trim() === '')
  const ready = !empty.value && !running && thread.loading.value === 'ready'

  useStopKey(running)
  if (thread.loading.value === 'failed') return null
  const send = (): void => {
    const draft = thread.draft.peek().trim()
    if (draft === '' || thread.running.peek() !== null || thread.loading.peek() !== 'ready') return
    app.send(draft)
  }
  const onSubmit = (event: Event): void => {
    event.preventDefault()
    send()
    focusBack()
  }
  return (
    <form class="composer" onSubmit={onSubmit}>
      <Notes thread={thread} />
      <div class="composer-box">
        <label class="hidden" for="message">
          {t.composer.label}
        </label>
        <Box thread={thread} onSend={send} />
        <div class="composer-foot">
          <LockSwitch thread={thread} />
          <PrivacyLine thread={thread} />
          <span class="hint" id="message-hint">
            {!running ? t.composer.hint : !unsent.value && t.composer.hintStop}
          </span>
          {running ? <StopButton stopping={stopping.value} unsent={unsent.value} /> : <SendButton ready={ready} />}
        </div>
      </div>
    </form>
  )
}
