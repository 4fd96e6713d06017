import { useState } from 'preact/hooks'
import type { Looked, OperatorApi, ProviderDetail } from '../api/operator'
import { count, percent, seconds, time } from '../core/figures'
import { modelName, providerName } from '../core/providers'
import { reasonOf } from './reason'
import { t } from '../strings'
import { operator as words } from '../strings/operator'
import { Icon, type IconName } from '../ui/Icons'
import { Problem } from '../ui/parts'
import { useAction } from '../ui/resource'
import { Findings } from './Findings'

type State = keyof typeof words.states

const ICONS: Record<State, IconName> = { unset: 'minus', off: 'minus', well: 'check', probing: 'info', open: 'alert' }

export function stateOf(provider: ProviderDetail): State {
  if (!provider.configured) return 'unset'
  if (!provider.enabled) return 'off'
  return ({ closed: 'well', half_open: 'probing', open: 'open' } as const)[provider.circuit]
}

function Figures({ provider }: { provider: ProviderDetail }) {
  const ended = provider.succeeded + provider.failed
  const memory = { true: ` · ${words.cold}`, false: ` · ${words.loaded}`, null: '' }[String(provider.cold) as 'null']
  const rows: [string, string][] = [
    [words.model, provider.model === '' ? words.noModel : modelName(provider.model) + memory],
    [words.ttft, `${seconds(provider.ttft_p50_ms)} / ${seconds(provider.ttft_p95_ms)}`],
    [words.latency, `${seconds(provider.latency_p50_ms)} / ${seconds(provider.latency_p95_ms)}`],
    [words.success, ended === 0 ? '–' : words.successOf(percent(provider.success), count(ended))],
    [words.inFlight, words.inFlightOf(provider.in_flight, provider.limit, provider.waiting)],
  ]
  return (
    <dl>
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

function ProviderCard({ api, provider }: { api: OperatorApi; provider: ProviderDetail }) {
  const [looked, setLooked] = useState<Looked | null>(null)
  const [busy, problem, act] = useAction()
  const state = stateOf(provider)
  const name = providerName(provider.name)
  return (
    <article class="provider" aria-label={name}>
      <header>
        <h3>{name}</h3>
        <span class={`tag tag-${provider.locality}`}>
          <Icon name={provider.locality === 'local' ? 'home' : 'cloud'} size={13} /> {t.locality[provider.locality]}
        </span>
      </header>
      <p class={`state state-${state}`}>
        <Icon name={ICONS[state]} size={16} />
        {words.states[state]}
        {provider.open_until !== null && ` ${words.openUntil(time(provider.open_until))}`}
      </p>
      {provider.configured && <Figures provider={provider} />}
      {provider.last_error !== null && (
        <p class="last-error">
          {words.lastError}: {reasonOf(provider.last_error)}
          {provider.last_error_detail && <span class="quiet"> {provider.last_error_detail}</span>}
        </p>
      )}
      <Problem text={problem} />
      {looked !== null && <Findings looked={looked} />}
      <button
        type="button"
        class="button"
        aria-disabled={busy}
        aria-label={words.testOf(name)}
        onClick={() => void act(async () => setLooked(await api.check(provider.name)))}
      >
        {busy ? words.testing : words.test}
      </button>
    </article>
  )
}

/** A card for each provider. */
export function Providers({ api, providers }: { api: OperatorApi; providers: ProviderDetail[] }) {
  return (
    <>
      <p class="quiet">{words.testText}</p>
      <div class="providers">
        {providers.map((provider) => (
          <ProviderCard key={provider.name} api={api} provider={provider} />
        ))}
      </div>
    </>
  )
}
