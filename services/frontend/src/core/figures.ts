/** Figures and days as people read them, on the pages beside the chat. */

import { dollars } from './format'

const counts = new Intl.NumberFormat('en')
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
const days = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short', year: 'numeric' })
const clock = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const
const moments = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short', ...clock })
const times = new Intl.DateTimeFormat('en', clock)

export const count = (value: number): string => counts.format(value)
/** 12_345 -> "12.3K". */
export const compact = (value: number): string => short.format(value)
export const day = (text: string): string => days.format(new Date(text))
export const moment = (text: string): string => moments.format(new Date(text))
export const time = (text: string): string => times.format(new Date(text))
/** 0.987 -> "98.7 %"; null: nothing was measured. */
export const percent = (share: number | null): string =>
  share === null ? '–' : `${(share * 100).toFixed(share === 1 || share === 0 ? 0 : 1)} %`
/** "420 ms", "12.3 s"; null: nothing was measured. */
export const seconds = (ms: number | null): string =>
  ms === null ? '–' : ms < 1_000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`
/** "$0" where nothing was paid. */
export const money = (amount: number): string => (amount === 0 ? '$0' : dollars(amount))

/** The same list with the item at ``from`` one place up (-1) or down (1); itself where there is no such place. */
export function moved<Item>(items: readonly Item[], from: number, by: -1 | 1): Item[] {
  const to = from + by
  const result = [...items]
  if (to < 0 || to >= items.length) return result
  const [item] = result.splice(from, 1)
  result.splice(to, 0, item as Item)
  return result
}
