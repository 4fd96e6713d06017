import type { SettingsApi, Usage, Used } from '../api/settings'
import { count, moment, money } from '../core/figures'
import { providerName } from '../core/providers'
import { t } from '../strings'
import { settings as words } from '../strings/settings'
import { Icon } from '../ui/Icons'
import { Loaded } from '../ui/parts'
import { useResource } from '../ui/resource'

function cost(used: Used): string {
  const known = money(used.cost_usd)
  return used.unpriced_calls === 0 ? known : `${known} (${words.unpriced(used.unpriced_calls)})`
}

const ROWS: [keyof typeof words.usageRows, (used: Used) => string][] = [
  ['calls', (used) => count(used.calls)],
  ['failed', (used) => count(used.failed_calls)],
  ['input', (used) => count(used.input_tokens)],
  ['output', (used) => count(used.output_tokens)],
  ['cost', cost],
]

function Quota({ quota, resets }: { quota: Usage['quotas'][number]; resets: string }) {
  const said = words.quotaOf(count(quota.used), count(quota.limit))
  return (
    <div class="quota">
      <div class="line">
        <span>{words.quota[quota.unit]}</span>
        <span>{said}</span>
      </div>
      <meter min={0} max={quota.limit} value={quota.used} high={quota.limit * 0.9} aria-label={words.quota[quota.unit]}>
        {said}
      </meter>
      <p class="quiet">{words.quotaResets(resets)}</p>
    </div>
  )
}

/** What was used today and in this month, and what is left of the quotas. */
export function UsageView({ api }: { api: SettingsApi }) {
  const usage = useResource(() => api.usage())
  return (
    <Loaded from={usage}>
      {(found) => (
        <>
          <table class="counts">
            <thead>
              <tr>
                <td />
                <th scope="col">{words.usageToday}</th>
                <th scope="col">{words.usageMonth}</th>
              </tr>
            </thead>
            <tbody>
              {ROWS.map(([row, shown]) => (
                <tr key={row}>
                  <th scope="row">{words.usageRows[row]}</th>
                  <td>{shown(found.today)}</td>
                  <td>{shown(found.month)}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {found.quotas.map((quota) => (
            <Quota key={quota.unit} quota={quota} resets={moment(found.resets_at)} />
          ))}
          <h3>{words.byProvider}</h3>
          {found.today_by_provider.length === 0 ? (
            <p class="quiet">{words.noUsage}</p>
          ) : (
            <ul class="items">
              {found.today_by_provider.map((each) => (
                <li class="item" key={each.provider + each.locality}>
                  <span class={`tag tag-${each.locality}`}>
                    <Icon name={each.locality === 'local' ? 'home' : 'cloud'} size={13} /> {t.locality[each.locality]}
                  </span>
                  <span class="item-text">{providerName(each.provider)}</span>
                  <span class="quiet">
                    {words.tokens(count(each.input_tokens + each.output_tokens))} · {cost(each)}
                  </span>
                </li>
              ))}
            </ul>
          )}
        </>
      )}
    </Loaded>
  )
}
