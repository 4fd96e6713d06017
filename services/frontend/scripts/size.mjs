// What a browser loads before the chat can be used, held to a budget, and what only the operator's page needs. Run it
// after a build.

import { readFileSync, readdirSync } from 'node:fs'
import { join, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const KIB = 1024
const BUDGET = { js: 45 * KIB, css: 6 * KIB }

const dist = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist')
const page = readFileSync(join(dist, 'index.html'), 'utf8')
const entry = [...page.matchAll(/(?:src|href)="(\/assets\/[^"]+\.(js|css))"/g)]
const total = { js: 0, css: 0 }
for (const [, path, kind] of entry) total[kind] += gzipSync(readFileSync(join(dist, path)), { level: 9 }).length

for (const kind of Object.keys(BUDGET)) {
  const size = (total[kind] / KIB).toFixed(1)
  const limit = BUDGET[kind] / KIB
  console.log(`${kind}: ${size} KiB of ${limit} KiB gzip`)
  if (total[kind] === 0 || total[kind] > BUDGET[kind]) {
    console.error(total[kind] === 0 ? `index.html names no ${kind}` : `the entry's ${kind} is over its budget`)
    process.exitCode = 1
  }
}

// The charts' library, by a class name that only it has.
const withCharts = readdirSync(join(dist, 'assets')).filter(
  (name) => name.endsWith('.js') && readFileSync(join(dist, 'assets', name), 'utf8').includes('u-wrap'),
)
if (withCharts.length !== 1 || !withCharts[0].startsWith('OperatorPage-')) {
  console.error(`the charts' library is for the operator's page alone, and is in ${withCharts.join(', ') || 'no file'}`)
  process.exitCode = 1
}
