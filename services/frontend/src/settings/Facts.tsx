import { useEffect, useState } from 'preact/hooks'
import type { Fact, SettingsApi } from '../api/settings'
import { day } from '../core/figures'
import { settings as words } from '../strings/settings'
import { useApp } from '../ui/context'
import { useHandOn } from '../ui/focus'
import { Icon } from '../ui/Icons'
import { Confirm, Loaded, Problem } from '../ui/parts'
import { useAction, useResource } from '../ui/resource'

function FactRow({ fact, onForget }: { fact: Fact; onForget: () => void }) {
  const app = useApp()
  const handOn = useHandOn()
  return (
    <li class="item" ref={handOn}>
      <div class="item-text">
        {fact.text}
        <p class="quiet">
          {day(fact.created_at)}
          {fact.local_only && (
            <span class="tag">
              <Icon name="home" size={13} /> {words.factLocal}
            </span>
          )}
          {fact.told_in && <a href={app.hrefOf(fact.told_in.session_id)}>{words.factFrom}</a>}
        </p>
      </div>
      <button type="button" class="icon-button" onClick={onForget}>
        <Icon name="close" size={16} />
        <span class="hidden">{words.factForget(fact.text)}</span>
      </button>
    </li>
  )
}

/** What the memory holds: searched, added to, forgotten. */
export function Facts({ api }: { api: SettingsApi }) {
  const app = useApp()
  const [query, setQuery] = useState('')
  const [wanted, setWanted] = useState('')
  const page = useResource(() => api.facts(wanted, null), [wanted])
  const [busy, problem, act] = useAction()
  useEffect(() => app.env.after(200, () => setWanted(query.trim())), [query])

  const more = (): void => {
    const known = page.value
    if (known === null) return
    void act(async () => {
      const next = await api.facts(wanted, known.next_cursor)
      page.set({ ...next, facts: [...known.facts, ...next.facts] })
    })
  }
  const remember = (event: SubmitEvent): void => {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    const fields = new FormData(form)
    void act(async () => {
      await api.remember(String(fields.get('text')), fields.get('local') !== null)
      form.reset()
      setQuery('')
      await page.reload()
    })
  }
  const forget = (fact: Fact): void => {
    void act(async () => {
      await api.forget(fact.id)
      await page.reload()
    })
  }
  return (
    <>
      <p class="quiet">{words.factsText}</p>
      <form class="line" onSubmit={remember}>
        <input class="field" name="text" aria-label={words.factNew} placeholder={words.factNew} maxLength={1000} required />
        <label class="check">
          <input type="checkbox" name="local" /> {words.factLocal}
        </label>
        <button type="submit" class="button" aria-disabled={busy}>
          {words.factAdd}
        </button>
      </form>
      <Problem text={problem} />
      <Loaded from={page}>
        {(found) => (
          <>
            {(found.total > 0 || wanted !== '') && (
              <input
                class="field"
                type="search"
                aria-label={words.factSearch}
                placeholder={words.factSearch}
                maxLength={200}
                value={query}
                onInput={(event) => setQuery(event.currentTarget.value)}
              />
            )}
            {found.facts.length === 0 ? (
              <p class="quiet">{wanted === '' ? words.factsEmpty : words.factsNothing}</p>
            ) : (
              <ul class="items">
                {found.facts.map((fact) => (
                  <FactRow key={fact.id} fact={fact} onForget={() => forget(fact)} />
                ))}
              </ul>
            )}
            {found.next_cursor !== null && (
              <button type="button" class="button" aria-disabled={busy} onClick={more}>
                {words.factsMore}
              </button>
            )}
            {found.total > 0 && wanted === '' && (
              <p class="line">
                <span class="quiet">{words.factsCount(found.total)}</span>
                <Confirm
                  label={words.forgetAll}
                  question={words.forgetAllSure}
                  yes={words.forgetAll}
                  onYes={() =>
                    void act(async () => {
                      await api.forgetAll()
                      await page.reload()
                    })
                  }
                />
              </p>
            )}
          </>
        )}
      </Loaded>
    </>
  )
}
