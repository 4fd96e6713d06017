import { useEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { isEmpty, stacked, type Chart, type Tone } from '../core/charts'
import { time } from '../core/figures'
import { operator as words } from '../strings/operator'
import { useApp } from '../ui/context'

const HEIGHT = 170

/** The colours of the page, as they are now. */
function palette(node: HTMLElement): (name: string) => string {
  const probe = document.createElement('i')
  node.append(probe)
  const read = (name: string): string => {
    probe.style.color = `var(--${name})`
    return getComputedStyle(probe).color
  }
  const tones: Record<string, string> = Object.fromEntries(
    ['ink-soft', 'line', 'local', 'cloud', 'failed', 'accent'].map((name) => [name, read(name)]),
  )
  probe.remove()
  return (name) => tones[name] ?? ''
}

const COLOURS: Record<Tone, string> = {
  local: 'local',
  cloud: 'cloud',
  failed: 'failed',
  plain: 'accent',
  second: 'ink-soft',
}

function optionsOf(chart: Chart, colour: (name: string) => string, width: number): uPlot.Options {
  const axis: uPlot.Axis = {
    stroke: colour('ink-soft'),
    grid: { stroke: colour('line'), width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  }
  const shown = chart.stacked ? stacked(chart.series) : chart.series
  const bars = uPlot.paths.bars?.({ size: [0.8, 24] })
  const step = (chart.times[1] ?? 60) - (chart.times[0] ?? 0)
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 20, 0, 0],
    scales: {
      x: { time: true, range: (_plot, least, most) => [least - step / 2, most + step / 2] },
      y: { range: (_plot, _least, most) => [0, most > 0 ? most * 1.15 : 1] },
    },
    axes: [
      { ...axis, size: 30, values: (_plot, at) => at.map((each) => time(new Date(each * 1000).toISOString())) },
      { ...axis, size: 50 },
    ],
    series: [
      {},
      ...shown.map(({ tone }) => {
        const ink = colour(COLOURS[tone])
        return chart.stacked
          ? { stroke: ink, fill: ink, width: 0, points: { show: false }, ...(bars ? { paths: bars } : {}) }
          : { stroke: ink, width: 2, spanGaps: true, points: { show: true, size: 5, fill: ink } }
      }),
    ],
  }
}

function dataOf(chart: Chart): uPlot.AlignedData {
  const shown = chart.stacked ? stacked(chart.series) : chart.series
  return [chart.times, ...shown.map((series) => series.values)] as uPlot.AlignedData
}

function Drawing({ chart, label }: { chart: Chart; label: string }) {
  const app = useApp()
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const form = chart.series.map((series) => series.name + series.tone).join()
  const theme = app.theme.value
  useEffect(() => {
    const node = box.current
    if (node === null) return undefined
    const draw = (): void => {
      plot.current?.destroy()
      plot.current = new uPlot(optionsOf(chart, palette(node), node.clientWidth), dataOf(chart), node)
    }
    draw()
    const dark = matchMedia('(prefers-color-scheme: dark)')
    dark.addEventListener('change', draw)
    const observer = new ResizeObserver(() => plot.current?.setSize({ width: node.clientWidth, height: HEIGHT }))
    observer.observe(node)
    return () => {
      observer.disconnect()
      dark.removeEventListener('change', draw)
      plot.current?.destroy()
      plot.current = null
    }
  }, [form, theme])
  useEffect(() => plot.current?.setData(dataOf(chart)), [chart])
  return <div class="drawing" role="img" aria-label={label} ref={box} />
}

function Table({ chart, label, shown }: { chart: Chart; label: string; shown: (value: number) => string }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={words.table(label)}>
      <table class="counts">
        <thead>
          <tr>
            <th scope="col">{words.time}</th>
            {chart.series.map((series) => (
              <th scope="col" key={series.name}>
                {series.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {chart.times.map((at, row) => (
            <tr key={at}>
              <th scope="row">{time(new Date(at * 1000).toISOString())}</th>
              {chart.series.map((series) => {
                const value = series.values[row] ?? null
                return <td key={series.name}>{value === null ? '–' : shown(value)}</td>
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

interface ChartViewProps {
  chart: Chart
  title: string
  /** What is said where there is nothing to draw. */
  nothing: string
  shown: (value: number) => string
}

/** One chart, and the same as a table. */
export function ChartView({ chart, title, nothing, shown }: ChartViewProps) {
  const [table, setTable] = useState(false)
  const sums = chart.series.map((series) => series.values.reduce<number>((sum, value) => sum + (value ?? 0), 0))
  const legend = chart.series.map((series, at) => ({
    ...series,
    sum: chart.stacked ? shown(sums[at] ?? 0) : '',
  }))
  const empty = isEmpty(chart)
  return (
    <figure class="chart">
      <figcaption>
        <h3>{title}</h3>
        {!empty && (
          <button type="button" class="text-button" aria-pressed={table} onClick={() => setTable(!table)}>
            {words.asTable}
            <span class="hidden">: {title}</span>
          </button>
        )}
      </figcaption>
      {empty && <p class="quiet nothing">{nothing}</p>}
      {!empty && (
        <ul class="legend">
          {legend.map((series) => (
            <li key={series.name} class={`tone-${series.tone}`}>
              {series.name} <strong>{series.sum}</strong>
            </li>
          ))}
        </ul>
      )}
      {!empty && (table ? <Table chart={chart} label={title} shown={shown} /> : <Drawing chart={chart} label={title} />)}
    </figure>
  )
}
