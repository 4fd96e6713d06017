import { useState } from 'preact/hooks'
import type { Preferences, ProviderState, SettingsApi } from '../api/settings'
import { moved } from '../core/figures'
import { providerName } from '../core/providers'
import { t } from '../strings'
import { settings as words } from '../strings/settings'
import { useApp } from '../ui/context'
import { useHandOn } from '../ui/focus'
import { Icon } from '../ui/Icons'
import { Loaded, Problem, Switch } from '../ui/parts'
import { useAction, useResource } from '../ui/resource'

/** The user's own order first, then whoever it does not name, as the server has them. */
function inOrder(providers: readonly ProviderState[], order: readonly string[] | null): ProviderState[] {
  const place = (name: string): number => {
    const at = order?.indexOf(name) ?? -1
    return at === -1 ? (order?.length ?? 0) : at
  }
  return [...providers].sort((one, other) => place(one.name) - place(other.name))
}

function Order(props: {
  providers: ProviderState[]
  order: readonly string[] | null
  onChange: (order: string[] | null) => void
}) {
  const app = useApp()
  const handOn = useHandOn()
  const shown = inOrder(props.providers, props.order)
  const move = (at: number, by: -1 | 1): void => {
    if (shown[at + by] === undefined) return
    const names = moved(shown.map((each) => each.name), at, by)
    app.say(names.map(providerName).join(', '))
    props.onChange(names)
  }
  return (
    <fieldset class="order">
      <legend>{words.order}</legend>
      <p class="quiet">{words.orderText}</p>
      <ol>
        {shown.map((each, at) => (
          <li key={each.name}>
            <Icon name={each.locality === 'local' ? 'home' : 'cloud'} size={16} />
            <span class="order-name">
              {providerName(each.name)}
              <span class="quiet">
                {' '}
                {t.locality[each.locality]}
                {each.enabled ? each.model && ` · ${each.model.replace('models/', '')}` : ` · ${words.notSetUp}`}
              </span>
            </span>
            <button type="button" class="icon-button" aria-disabled={at === 0} onClick={() => move(at, -1)}>
              <Icon name="arrowUp" size={16} />
              <span class="hidden">{words.up(providerName(each.name))}</span>
            </button>
            <button type="button" class="icon-button" aria-disabled={at === shown.length - 1} onClick={() => move(at, 1)}>
              <Icon name="arrowDown" size={16} />
              <span class="hidden">{words.down(providerName(each.name))}</span>
            </button>
          </li>
        ))}
      </ol>
      {props.order !== null && (
        <button type="button" class="text-button" ref={handOn} onClick={() => props.onChange(null)}>
          {words.orderServer}
        </button>
      )}
    </fieldset>
  )
}

/** Where answers may come from, and in which order providers are asked. What is changed is kept at once. */
export function Answers({ api }: { api: SettingsApi }) {
  const app = useApp()
  const preferences = useResource(() => api.preferences())
  const providers = useResource(() => api.providers())
  const [, problem, act] = useAction()
  const [wanted, setWanted] = useState<Preferences | null>(null)
  const change = (part: Partial<Preferences>): void => {
    const before = preferences.value
    if (before === null) return
    const next = { ...before, ...part }
    setWanted(next)
    void act(async () => preferences.set(await api.prefer(next))).then((done) => {
      setWanted(null)
      if (done) app.say(words.saved)
    })
  }
  return (
    <Loaded from={preferences}>
      {(kept) => {
        const shown = wanted ?? kept
        const cloud = shown.cloud_allowed !== false
        return (
          <>
            <Switch
              label={words.cloud}
              text={cloud ? words.cloudOn : words.cloudOff}
              checked={cloud}
              onChange={(on) => change({ cloud_allowed: on })}
            />
            <Switch
              label={words.lockDefault}
              text={words.lockDefaultText}
              checked={app.lockDefault.value}
              onChange={app.setLockDefault}
            />
            <Switch
              label={words.hedging}
              text={words.hedgingText}
              checked={shown.hedging === true}
              onChange={(on) => change({ hedging: on ? true : null })}
            />
            <Loaded from={providers}>
              {(found) => (
                <Order
                  providers={found}
                  order={shown.provider_order}
                  onChange={(order) => change({ provider_order: order })}
                />
              )}
            </Loaded>
            <Problem text={problem} />
          </>
        )
      }}
    </Loaded>
  )
}
