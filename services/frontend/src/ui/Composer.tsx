import { useComputed } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import type { Thread } from '../state/thread'
import { t } from '../strings'
import { useApp } from './context'
import { Icon } from './Icons'

/** An input method that is composing takes Enter and Escape for itself; some report it by this code alone. */
const COMPOSING_KEY = 229

function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === COMPOSING_KEY
}

function useStopKey(running: boolean): void {
  const app = useApp()
  useEffect(() => {
    if (!running) return undefined
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === 'Escape' && !isComposing(event)) app.stop()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [running])
}

function StopButton({ stopping }: { stopping: boolean }) {
  const app = useApp()
  const stop = (event: MouseEvent): void => {
    // The second click of a double click on Send lands here, and means nothing.
    if (event.detail < 2) app.stop()
  }
  return (
    <button type="button" class="send stop" aria-disabled={stopping} onClick={stop}>
      <Icon name="stop" />
      <span>{stopping ? t.composer.stopping : t.composer.stop}</span>
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

export function Composer({ thread }: { thread: Thread }) {
  const app = useApp()
  const box = useRef<HTMLTextAreaElement>(null)
  const draft = thread.draft.value
  const running = thread.running.value !== null
  const stopping = useComputed(() => thread.running.value?.value.stopping === true)
  const ready = draft.trim() !== '' && !running && thread.loading.value === 'ready'

  useStopKey(running)
  useEffect(() => {
    // On a touch screen the focus would open the keyboard over the conversation.
    if (matchMedia('(pointer: fine)').matches) box.current?.focus()
  }, [])
  useLayoutEffect(() => {
    const area = box.current
    if (area === null) return
    area.style.height = 'auto'
    area.style.height = `${area.scrollHeight}px`
  }, [draft])

  if (thread.loading.value === 'failed') return null
  const send = (): void => {
    if (!ready) return
    app.send(draft.trim())
    box.current?.focus()
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' || event.shiftKey || isComposing(event)) return
    event.preventDefault()
    send()
  }
  const onSubmit = (event: Event): void => {
    event.preventDefault()
    send()
  }
  return (
    <form class="composer" onSubmit={onSubmit}>
      {thread.refusal.value !== '' && (
        <p class="refusal" role="alert">
          <Icon name="alert" size={16} />
          <span>
            <strong>{t.composer.notSent}</strong> {thread.refusal}
          </span>
        </p>
      )}
      <div class="composer-box">
        <label class="hidden" for="message">
          {t.composer.label}
        </label>
        <textarea
          id="message"
          ref={box}
          rows={1}
          placeholder={t.composer.placeholder}
          aria-describedby="message-hint"
          value={draft}
          onInput={(event) => {
            thread.draft.value = event.currentTarget.value
          }}
          onKeyDown={onKeyDown}
        />
        {running ? <StopButton stopping={stopping.value} /> : <SendButton ready={ready} />}
      </div>
      <p class="hint" id="message-hint">
        {running ? t.composer.hintStop : t.composer.hint}
      </p>
    </form>
  )
}
