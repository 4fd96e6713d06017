import type { ComponentChildren } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { createOperatorApi, type Looked, type OperatorApi, type ProviderDetail } from '../api/operator'
import { modelName, providerName } from '../core/providers'
import { seconds } from '../core/figures'
import { t } from '../strings'
import { setup as words } from '../strings/setup'
import { Findings } from '../operator/Findings'
import { useApp } from '../ui/context'
import { Icon, Mark, type IconName } from '../ui/Icons'
import { Problem } from '../ui/parts'
import { useAction, useResource } from '../ui/resource'

/** How often a model that is being loaded, or that nobody has found, is looked for again. */
const LOOK_MS = 2_000

function Check(props: { icon: IconName | null; tone: string; name: string; mark?: string; children: ComponentChildren }) {
  return (
    <li class={`setup-check setup-${props.tone}`}>
      {props.icon === null ? <span class="pulse" /> : <Icon name={props.icon} />}
      <div>
        <h3>
          {props.name} {props.mark && <span class="tag">{props.mark}</span>}
        </h3>
        {props.children}
      </div>
    </li>
  )
}

/** A local provider: looked for until its model is there. */
function Local({ api, provider }: { api: OperatorApi; provider: ProviderDetail }) {
  const { env } = useApp()
  const [looked, setLooked] = useState<Looked | null>(null)
  const [since, setSince] = useState<number | null>(null)
  const [, problem, act] = useAction()
  const loading = since !== null && looked?.loaded === false
  const look = (): void => {
    void act(async () => setLooked(await api.check(provider.name)))
  }
  useEffect(look, [])
  useEffect(() => {
    if (looked === null || (looked.ok && !loading)) return undefined
    return env.after(LOOK_MS, look)
  }, [looked, loading])
  const load = (): void => {
    setSince(env.now())
    void act(async () => {
      await api.load(provider.name)
      setLooked(await api.check(provider.name))
    })
  }
  const name = providerName(provider.name)
  if (looked === null) {
    return (
      <Check icon={problem === '' ? null : 'alert'} tone={problem === '' ? 'waiting' : 'failed'} name={name}>
        {problem === '' ? <p>{words.looking}</p> : <Problem text={problem} onRetry={look} />}
      </Check>
    )
  }
  const model = modelName(looked.model ?? provider.model)
  if (!looked.ok) {
    return (
      <Check icon="alert" tone="failed" name={name}>
        <Findings looked={looked} />
        <button type="button" class="button" onClick={look}>
          {words.again}
        </button>
      </Check>
    )
  }
  if (loading) {
    return (
      <Check icon={null} tone="waiting" name={name}>
        <p role="status">{words.loading(model, seconds(env.now() - since))}</p>
        <progress aria-label={words.loading(model, '')} />
      </Check>
    )
  }
  return (
    <Check icon="check" tone="well" name={name}>
      <p>{looked.loaded === null ? words.there(model) : looked.loaded ? words.found(model) : words.cold(model)}</p>
      {looked.loaded === false && (
        <button type="button" class="button" onClick={load}>
          {words.load}
        </button>
      )}
    </Check>
  )
}

/** A cloud provider, which nobody has to set up; it is asked when somebody wants that. */
function Cloud({ api, provider }: { api: OperatorApi; provider: ProviderDetail }) {
  const [looked, setLooked] = useState<Looked | null>(null)
  const [busy, problem, act] = useAction()
  const name = providerName(provider.name)
  const variable = `${provider.name.toUpperCase().replaceAll('-', '_')}_API_KEY`
  const icon = looked === null ? 'minus' : looked.ok ? 'check' : 'alert'
  const tone = looked === null ? 'off' : looked.ok ? 'well' : 'failed'
  return (
    <Check icon={icon} tone={tone} name={name} mark={words.optional}>
      {looked !== null ? (
        <Findings looked={looked} />
      ) : (
        <p>{provider.configured ? words.hasKey : words.withoutKey(variable)}</p>
      )}
      <Problem text={problem} />
      {provider.configured && (
        <button
          type="button"
          class="button"
          aria-disabled={busy}
          aria-label={words.testOf(name)}
          onClick={() => void act(async () => setLooked(await api.check(provider.name)))}
        >
          {busy ? words.looking : words.test}
        </button>
      )}
    </Check>
  )
}

/** How NovaCore stands at its first start. Nothing of it has to be waited for. */
export function Setup() {
  const app = useApp()
  const api = useMemo(() => createOperatorApi(app.call), [])
  const providers = useResource(() => api.providers(60))
  return (
    <div class="page setup">
      <div class="page-column">
        <Mark size={44} />
        <h2>{words.title}</h2>
        <p class="quiet">{words.text}</p>
        <ul class="setup-checks">
          <Check icon="check" tone="well" name={words.server}>
            <p>{words.serverText}</p>
          </Check>
          <Problem text={providers.problem} onRetry={() => void providers.reload()} />
          {providers.value?.map((each) =>
            each.locality === 'local' && each.configured ? (
              <Local key={each.name} api={api} provider={each} />
            ) : (
              <Cloud key={each.name} api={api} provider={each} />
            ),
          )}
        </ul>
        <p class="quiet">
          <a href="#/operator">{t.sidebar.operator}</a>: {words.operator}
        </p>
      </div>
    </div>
  )
}
