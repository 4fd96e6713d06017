/**
 * Colours for code that leave its text alone: the ranges are told to the browser, and no element is added. So a
 * selection in the code lives on, and long code stays light. A browser without them shows the code plainly.
 */

import type { Kind, Run } from '../core/highlight'

const NAME = 'code-'

function register(kind: Kind): Highlight {
  const known = CSS.highlights.get(NAME + kind)
  if (known) return known
  const made = new Highlight()
  CSS.highlights.set(NAME + kind, made)
  return made
}

/** The ranges of one part, which may go over several text nodes. */
function rangesOf(run: Run, nodes: readonly Text[]): StaticRange[] {
  const ranges: StaticRange[] = []
  let start = 0
  for (const node of nodes) {
    const from = Math.max(run.from - start, 0)
    const to = Math.min(run.to - start, node.length)
    start += node.length
    if (from < to) {
      ranges.push(new StaticRange({ startContainer: node, startOffset: from, endContainer: node, endOffset: to }))
    }
  }
  return ranges
}

/** Colour the text of these nodes, which together are the code. Returns what takes the colours away. */
export function paint(nodes: readonly Text[], runs: readonly Run[]): () => void {
  const added = runs.flatMap((run) => rangesOf(run, nodes).map((range) => [register(run.kind), range] as const))
  for (const [highlight, range] of added) highlight.add(range)
  return () => {
    for (const [highlight, range] of added) highlight.delete(range)
  }
}

export function canPaint(): boolean {
  return typeof CSS !== 'undefined' && 'highlights' in CSS && typeof IntersectionObserver !== 'undefined'
}
