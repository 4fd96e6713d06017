/** Which rows of a long list are drawn. All rows are equally high. */

export interface View {
  /** How far the list is scrolled, and how much of it can be seen, in pixels. */
  top: number
  height: number
}

/** So many rows more are drawn above and below, so that a quick scroll meets no gap. */
const BESIDE = 8

/** The first row that is drawn, and the one after the last. */
export function drawnRows(view: View, rowHeight: number, count: number): [number, number] {
  const first = Math.floor(view.top / rowHeight) - BESIDE
  const end = Math.ceil((view.top + view.height) / rowHeight) + BESIDE
  return [Math.max(0, Math.min(first, count)), Math.max(0, Math.min(end, count))]
}
