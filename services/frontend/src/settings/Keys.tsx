import { useState } from 'preact/hooks'
import type { ApiKey, CreatedKey, KeyScope, SettingsApi } from '../api/settings'
import { day } from '../core/figures'
import { settings as words } from '../strings/settings'
import { useApp } from '../ui/context'
import { useHandOn } from '../ui/focus'
import { Confirm, Copy, Loaded, Problem } from '../ui/parts'
import { useAction, useResource } from '../ui/resource'

function about(key: ApiKey): string {
  return [
    words.scopes[key.scope],
    words.created(day(key.created_at)),
    key.last_used_at === null ? words.neverUsed : words.lastUsed(day(key.last_used_at)),
    ...(key.expires_at === null ? [] : [words.expires(day(key.expires_at))]),
  ].join(' · ')
}

/** The keys of programs: made, shown once, revoked. */
export function Keys({ api }: { api: SettingsApi }) {
  const app = useApp()
  const scopes = (Object.keys(words.scopes) as KeyScope[]).filter(
    (scope) => scope === 'chat' || app.user.value?.role === 'admin',
  )
  const keys = useResource(() => api.keys())
  const [made, setMade] = useState<CreatedKey | null>(null)
  const [busy, problem, act] = useAction()
  const handOn = useHandOn()
  const create = (event: SubmitEvent): void => {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    const fields = new FormData(form)
    const life = String(fields.get('life'))
    void act(async () => {
      const days = life === 'never' ? null : Number(life)
      setMade(await api.createKey(String(fields.get('name')), fields.get('scope') as KeyScope, days))
      form.reset()
      await keys.reload()
    })
  }
  return (
    <>
      <p class="quiet">{words.keysText}</p>
      {made !== null && (
        <div class="shown-key" role="status" ref={handOn}>
          <p>{words.keyShown}</p>
          <code>{made.key}</code>
          <p class="line">
            <Copy text={made.key} label={words.keyCopy} />
            <button type="button" class="button" onClick={() => setMade(null)}>
              {words.keyDone}
            </button>
          </p>
        </div>
      )}
      <form class="line" onSubmit={create}>
        <input class="field" name="name" aria-label={words.keyName} placeholder={words.keyName} maxLength={64} required />
        <select class="field" name="scope" aria-label={words.keyScope}>
          {scopes.map((scope) => (
            <option key={scope} value={scope}>
              {words.scopes[scope]}
            </option>
          ))}
        </select>
        <select class="field" name="life" aria-label={words.keyLife}>
          {Object.entries(words.lives).map(([life, name]) => (
            <option key={life} value={life}>
              {name}
            </option>
          ))}
        </select>
        <button type="submit" class="button" aria-disabled={busy}>
          {words.keyCreate}
        </button>
      </form>
      <Problem text={problem} />
      <Loaded from={keys}>
        {(found) =>
          found.length === 0 ? (
            <p class="quiet">{words.keysEmpty}</p>
          ) : (
            <ul class="items">
              {found.map((key) => (
                <li class="item" key={key.id}>
                  <div class="item-text">
                    {key.name}
                    <p class="quiet">{about(key)}</p>
                  </div>
                  <Confirm
                    label={words.revoke}
                    question={`${words.keyRevoke(key.name)}?`}
                    yes={words.revoke}
                    onYes={() =>
                      void act(async () => {
                        await api.revokeKey(key.id)
                        await keys.reload()
                      })
                    }
                  />
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </>
  )
}
