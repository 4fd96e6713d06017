import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { t } from '../strings'
import { useApp } from './context'
import { Mark } from './Icons'

/** The one form by which somebody comes in. What the browser's own password manager needs is said by its fields. */
export function EntryForm() {
  const app = useApp()
  const { entry } = app
  const kind = entry.kind.value
  const note = entry.note.value
  const words = t.entry[kind]
  const form = useRef<HTMLFormElement>(null)
  useLayoutEffect(() => form.current?.querySelector('input')?.focus(), [])
  useEffect(() => {
    document.title = `${words.title} · ${t.product}`
  }, [words])
  const onSubmit = (event: Event): void => {
    event.preventDefault()
    const fields = new FormData(event.currentTarget as HTMLFormElement)
    void app.enter(String(fields.get('name') ?? ''), String(fields.get('password')))
  }
  const [before, command, after] = t.signedOut.how
  return (
    <main class="gate">
      <Mark size={44} />
      <h1>{words.title}</h1>
      {note !== '' && (
        <p class="gate-note" role="alert">
          {note}
        </p>
      )}
      <form class="entry" ref={form} onSubmit={onSubmit}>
        {kind !== 'reset' && (
          <label>
            {t.entry.name}
            <input name="name" autocomplete="username" autocapitalize="none" spellcheck={false} maxLength={64} required />
          </label>
        )}
        <label>
          {kind === 'signIn' ? t.entry.password : t.entry.newPassword}
          <input
            name="password"
            type="password"
            autocomplete={kind === 'signIn' ? 'current-password' : 'new-password'}
            minLength={kind === 'signIn' ? undefined : 12}
            maxLength={256}
            required
          />
        </label>
        <button type="submit" class="button" aria-disabled={entry.busy.value}>
          {words.submit}
        </button>
      </form>
      {kind === 'signIn' && (
        <p class="quiet">
          {before}
          <code>{command}</code>
          {after}
        </p>
      )}
      {kind === 'choose' && (
        <button type="button" class="row-link" onClick={() => app.chooseLater()}>
          {t.entry.later}
        </button>
      )}
    </main>
  )
}
