/** How long to wait before the connection is tried again. */

const FIRST_MS = 250
const LONGEST_MS = 8_000

/** ``failures`` in a row, from 1; ``chance`` from 0 to 1 spreads those who lost it at the same moment. Milliseconds. */
export function backoff(failures: number, chance: number): number {
  const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** (failures - 1))
  return Math.round(longest * (0.5 + chance / 2))
}
