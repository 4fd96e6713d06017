/** Numbers and dates as people read them. */

export type Age = 'today' | 'yesterday' | 'week' | 'older'

const DAY_MS = 86_400_000

/** 20 -> "< 0.1 s", 340 -> "0.3 s", 12_345 -> "12 s", 83_000 -> "1 min 23 s". */
export function duration(ms: number): string {
  if (ms < 50) return '< 0.1 s'
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

/** A price in dollars; small ones keep their first two figures that count. */
export function dollars(amount: number): string {
  return amount >= 0.01 ? `$${amount.toFixed(2)}` : `$${Number(amount.toPrecision(2))}`
}

/** How long ago a day was, by the reader's own calendar. */
export function ageOf(created: string, now: Date): Age {
  const at = new Date(created)
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime()
  if (Number.isNaN(at.getTime()) || at.getTime() >= midnight) return 'today'
  if (at.getTime() >= midnight - DAY_MS) return 'yesterday'
  return at.getTime() >= midnight - 7 * DAY_MS ? 'week' : 'older'
}

/** Neighbours of one age together. An item that is out of order stays in the group before it. */
export function byAge<Item>(items: readonly Item[], created: (item: Item) => string, now: Date): [Age, Item[]][] {
  const order: Age[] = ['today', 'yesterday', 'week', 'older']
  const groups: [Age, Item[]][] = []
  for (const item of items) {
    const last = groups.at(-1)
    const age = ageOf(created(item), now)
    if (last && order.indexOf(age) <= order.indexOf(last[0])) last[1].push(item)
    else groups.push([age, [item]])
  }
  return groups
}
