import { useState } from 'preact/hooks'
import type { SettingsApi } from '../api/settings'
import { Problem as Refusal } from '../api/http'
import { settings as words } from '../strings/settings'
import { t } from '../strings'
import { useApp } from '../ui/context'
import { Icon } from '../ui/Icons'
import { Confirm, Problem } from '../ui/parts'
import { useAction } from '../ui/resource'

function Password({ api }: { api: SettingsApi }) {
  const app = useApp()
  const [busy, problem, act] = useAction()
  const [changed, setChanged] = useState(false)
  const change = (event: SubmitEvent): void => {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    const fields = new FormData(form)
    setChanged(false)
    void act(async () => {
      try {
        await api.changePassword(String(fields.get('current')), String(fields.get('next')))
      } catch (error) {
        throw error instanceof Refusal && error.status === 403
          ? new Refusal(error.status, words.passwordWrong, words.passwordWrong)
          : error
      }
      form.reset()
      setChanged(true)
    })
  }
  return (
    <form class="stack" onSubmit={change}>
      <input type="text" name="username" autocomplete="username" value={app.user.value?.name ?? ''} hidden readOnly />
      <label>
        {words.passwordCurrent}
        <input class="field" type="password" name="current" autocomplete="current-password" maxLength={256} required />
      </label>
      <label>
        {words.passwordNew}
        <input
          class="field"
          type="password"
          name="next"
          autocomplete="new-password"
          minLength={12}
          maxLength={256}
          required
        />
      </label>
      <Problem text={problem} />
      <p class="quiet" role="status">
        {changed && words.passwordChanged}
      </p>
      <button type="submit" class="button" aria-disabled={busy}>
        {words.passwordChange}
      </button>
    </form>
  )
}

/** Who is signed in, and how they come in. */
export function Account({ api }: { api: SettingsApi }) {
  const app = useApp()
  const [busy, problem, act] = useAction()
  const name = app.user.value?.name ?? null
  const everywhere = (): void => {
    void act(() => api.signOutEverywhere()).then((done) => done && void app.signOut())
  }
  return (
    <>
      <p>{name === null ? words.noName : words.signedInAs(name)}</p>
      {app.withoutPassword.value ? (
        <button type="button" class="button" onClick={() => app.choosePassword()}>
          {t.sidebar.choosePassword}
        </button>
      ) : (
        <Password api={api} />
      )}
      <Problem text={problem} />
      <button type="button" class="button" aria-disabled={busy} onClick={everywhere}>
        {words.everywhere}
      </button>
    </>
  )
}

/** Taking everything along, and deleting it. */
export function Data({ api }: { api: SettingsApi }) {
  const app = useApp()
  const [busy, problem, act] = useAction()
  const remove = (): void => {
    void act(async () => {
      await api.deleteConversations()
      app.forgetConversations()
      app.say(words.deletedAll)
    })
  }
  return (
    <>
      <p class="quiet">{words.dataText}</p>
      <p class="line">
        <button type="button" class="button" onClick={() => void app.download('/api/chat/export?format=markdown')}>
          <Icon name="download" size={16} /> {words.exportMarkdown}
        </button>
        <button type="button" class="button" onClick={() => void app.download('/api/chat/export?format=json')}>
          <Icon name="download" size={16} /> {words.exportJson}
        </button>
      </p>
      <Problem text={problem} />
      <Confirm
        label={words.deleteAll}
        question={words.deleteAllSure}
        yes={words.deleteAllYes}
        busy={busy}
        onYes={remove}
      />
    </>
  )
}
