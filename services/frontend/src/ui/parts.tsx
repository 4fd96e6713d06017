import type { ComponentChildren } from 'preact'
import { useId, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { settings as words } from '../strings/settings'
import '../styles/pages.css'
import { focusSoon, useHandOn } from './focus'
import { Icon } from './Icons'
import type { Resource } from './resource'

export function Section({ title, id, children }: { title: string; id?: string; children: ComponentChildren }) {
  const heading = useId()
  return (
    <section class="card" id={id} aria-labelledby={heading}>
      <h2 id={heading}>{title}</h2>
      {children}
    </section>
  )
}

export function Problem({ text, onRetry }: { text: string; onRetry?: () => void }) {
  const handOn = useHandOn()
  if (text === '') return null
  return (
    <p class="problem" role="alert" ref={handOn}>
      <Icon name="alert" size={16} />
      {text}
      {onRetry && (
        <button type="button" class="text-button" onClick={onRetry}>
          {words.retry}
        </button>
      )}
    </p>
  )
}

/** What a resource holds; its problem, or that it is on its way. */
export function Loaded<Value>(props: { from: Resource<Value>; children: (value: Value) => ComponentChildren }) {
  const { value, problem, reload } = props.from
  return (
    <>
      <Problem text={problem} onRetry={() => void reload()} />
      {value !== null && props.children(value)}
      {value === null && problem === '' && (
        <div class="bones" aria-busy="true">
          <span class="hidden">{words.loading}</span>
          <span class="bone" />
          <span class="bone bone-short" />
        </div>
      )}
    </>
  )
}

export function Switch(props: {
  label: string
  text?: string
  checked: boolean
  disabled?: boolean
  onChange: (on: boolean) => void
}) {
  const about = useId()
  return (
    <div class="switch-row">
      <label>
        <input
          type="checkbox"
          role="switch"
          class="switch"
          checked={props.checked}
          disabled={props.disabled}
          aria-describedby={props.text ? about : undefined}
          onChange={(event) => props.onChange(event.currentTarget.checked)}
        />
        <span>{props.label}</span>
      </label>
      {props.text && (
        <p class="quiet" id={about}>
          {props.text}
        </p>
      )}
    </div>
  )
}

/** A button that asks once more before it does something that cannot be taken back. */
export function Confirm(props: { label: string; question: string; yes: string; busy?: boolean; onYes: () => void }) {
  const [asking, setAsking] = useState(false)
  const first = useRef<HTMLButtonElement>(null)
  const yes = useRef<HTMLButtonElement>(null)
  const handOn = useHandOn()
  useLayoutEffect(() => {
    if (asking) yes.current?.focus()
  }, [asking])
  const end = (): void => {
    setAsking(false)
    focusSoon(() => first.current)
  }
  if (!asking) {
    return (
      <span class="confirm" ref={handOn}>
        <button
          type="button"
          class="button danger"
          ref={first}
          aria-disabled={props.busy}
          onClick={() => !props.busy && setAsking(true)}
        >
          {props.label}
        </button>
      </span>
    )
  }
  return (
    <span class="confirm" role="group" aria-label={props.question} ref={handOn}>
      <span>{props.question}</span>
      <button
        type="button"
        class="button danger"
        ref={yes}
        onClick={() => {
          end()
          props.onYes()
        }}
      >
        {props.yes}
      </button>
      <button type="button" class="button" onClick={end}>
        {words.cancel}
      </button>
    </span>
  )
}

/** A copy button that says that it has copied. */
export function Copy({ text, label }: { text: string; label: string }) {
  const [done, setDone] = useState(false)
  const copy = (): void => {
    void navigator.clipboard.writeText(text).then(
      () => setDone(true),
      () => setDone(false),
    )
  }
  return (
    <button type="button" class="button" onClick={copy}>
      <Icon name={done ? 'check' : 'copy'} size={16} /> {done ? words.copied : label}
    </button>
  )
}
