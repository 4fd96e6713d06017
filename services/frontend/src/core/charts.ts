/** What the operator's charts show, out of what the server counted. Pure. */

import type { ActivityPoint } from '../api/operator'

export type Tone = 'local' | 'cloud' | 'failed' | 'plain' | 'second'

export interface Series {
  name: string
  tone: Tone
  /** One for each point; null: nothing was measured. */
  values: (number | null)[]
}

export interface Chart {
  /** Seconds since 1970, one for each point. */
  times: number[]
  series: Series[]
  /** Drawn as bars that stand on one another, where what they count adds up. */
  stacked: boolean
}

export interface ChartWords {
  local: string
  cloud: string
  failed: string
  fallbacks: string
  input: string
  output: string
  cost: string
}

export type ChartName = 'requests' | 'ttft' | 'fallbacks' | 'tokens' | 'cost'

function counted(points: readonly ActivityPoint[], of: (point: ActivityPoint) => number): number[] {
  return points.map(of)
}

/** The charts in their order; those of providers have a line for each that was asked. */
export function chartsOf(
  points: readonly ActivityPoint[],
  words: ChartWords,
  nameOf: (provider: string) => string,
): Record<ChartName, Chart> {
  const times = points.map((point) => Date.parse(point.at) / 1000)
  const providers = [...new Set(points.flatMap((point) => Object.keys(point.providers)))].sort()
  const tones: Tone[] = ['plain', 'second', 'local', 'cloud', 'failed']
  const chart = (series: Series[], stacked: boolean): Chart => ({ times, series, stacked })
  return {
    requests: chart(
      [
        { name: words.local, tone: 'local', values: counted(points, (point) => point.local) },
        { name: words.cloud, tone: 'cloud', values: counted(points, (point) => point.cloud) },
        { name: words.failed, tone: 'failed', values: counted(points, (point) => point.failed) },
      ],
      true,
    ),
    ttft: chart(
      providers.map((provider, at) => ({
        name: nameOf(provider),
        tone: tones[at % tones.length] as Tone,
        values: points.map((point) => {
          const ms = point.providers[provider]?.ttft_p50_ms ?? null
          return ms === null ? null : ms / 1000
        }),
      })),
      false,
    ),
    fallbacks: chart(
      [{ name: words.fallbacks, tone: 'failed', values: counted(points, (point) => point.fallbacks) }],
      true,
    ),
    tokens: chart(
      [
        { name: words.input, tone: 'second', values: counted(points, (point) => point.input_tokens) },
        { name: words.output, tone: 'plain', values: counted(points, (point) => point.output_tokens) },
      ],
      true,
    ),
    cost: chart([{ name: words.cost, tone: 'cloud', values: counted(points, (point) => point.cost_usd) }], true),
  }
}

/** Whether there is anything to see. */
export function isEmpty(chart: Chart): boolean {
  return chart.series.every((series) => series.values.every((value) => value === null || value === 0))
}

/** Each series on top of those before it, from the top one down, so that a smaller one is drawn over a greater. */
export function stacked(series: readonly Series[]): { tone: Tone; values: number[] }[] {
  const sums: { tone: Tone; values: number[] }[] = []
  for (const { tone, values } of series) {
    const below = sums.at(-1)?.values
    sums.push({ tone, values: values.map((value, at) => (value ?? 0) + (below?.[at] ?? 0)) })
  }
  return sums.reverse()
}
