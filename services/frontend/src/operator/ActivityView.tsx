import { useMemo } from 'preact/hooks'
import type { Activity } from '../api/operator'
import { chartsOf, type ChartName } from '../core/charts'
import { compact, count, moment, money } from '../core/figures'
import { providerName } from '../core/providers'
import { operator as words } from '../strings/operator'
import { ChartView } from './ChartView'

const SHOWN: Record<ChartName, (value: number) => string> = {
  requests: count,
  ttft: (value) => `${value.toFixed(2)} s`,
  fallbacks: count,
  tokens: compact,
  cost: money,
}

/** What happened in the last hours, in charts. */
export function ActivityView({ activity }: { activity: Activity }) {
  const charts = useMemo(() => chartsOf(activity.points, words.series, providerName), [activity])
  return (
    <>
      <p class="quiet">{words.since(moment(activity.since))}</p>
      <div class="charts">
        {(Object.keys(SHOWN) as ChartName[]).map((name) => (
          <ChartView key={name} chart={charts[name]} title={words.charts[name]} nothing={words.nothing[name]} shown={SHOWN[name]} />
        ))}
      </div>
    </>
  )
}
