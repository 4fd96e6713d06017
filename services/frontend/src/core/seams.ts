/**
 * Where one model's words end and another's begin, marked inside markdown. A mark is a character that no text can hold
 * (Unicode keeps U+FDD0 to U+FDEF for a program's own use), put between the words before they are read as markdown.
 * It may change nothing about them: where it would, the mark stands below the whole block.
 */

import { Lexer, type Token } from 'marked'
import type { Block } from './blocks'

const FIRST = 0xfdd0
/** More seams than this in one answer are not told apart. */
const MOST = 16
const MARKS = /[\ufdd0-\ufdef]/g

/** How far from its place a mark may stand, so that it falls behind "**" or in front of a line's end. */
const NEAR = [0, 1, -1, 2, -2, 3, -3, 4, 5, 6]

/** A text of a model, which may hold no mark of ours. */
export function withoutMarks(text: string): string {
  return text.replace(MARKS, '\ufffd')
}

/** The text in pieces, and after each piece but the last the number of the seam that stands there. */
export function splitAtMarks(text: string): { text: string; seam: number | null }[] {
  const pieces: { text: string; seam: number | null }[] = []
  let from = 0
  for (const found of text.matchAll(MARKS)) {
    pieces.push({ text: text.slice(from, found.index), seam: found[0].charCodeAt(0) - FIRST })
    from = found.index + 1
  }
  return [...pieces, { text: text.slice(from), seam: null }]
}

/** A block with what stands above it and below it, by the numbers of the seams. */
export interface Marked {
  block: Block
  token: Token
  above: number[]
  below: number[]
}

function unmarked(token: Token): string {
  return JSON.stringify(token, (_, value: unknown) => (typeof value === 'string' ? value.replace(MARKS, '') : value))
}

/** The same token with a mark in it; null where there is no place for one that leaves the rest as it is. */
function marked(token: Token, at: number, seam: number): Token | null {
  const { raw } = token
  const plain = unmarked(token)
  const mark = String.fromCharCode(FIRST + seam)
  for (const near of NEAR) {
    const place = at + near
    if (place <= 0 || place >= raw.length) continue
    const tokens = new Lexer({ gfm: true, breaks: true }).lex(raw.slice(0, place) + mark + raw.slice(place))
    const only = tokens.find((each) => each.type !== 'space')
    if (only && unmarked(only) === plain && shows(only, mark)) return only
  }
  return null
}

/** Whether the mark stands in words that are shown, and not in an address or a language's name. */
function shows(token: Token, mark: string): boolean {
  if ('tokens' in token && token.tokens && token.tokens.length > 0) {
    return token.tokens.some((each: Token) => shows(each, mark))
  }
  if (token.type === 'list') return token.items.some((each: Token) => shows(each, mark))
  if (token.type === 'table') {
    const rows = [token.header, ...token.rows] as { tokens: Token[] }[][]
    return rows.some((row) => row.some((cell) => cell.tokens.some((each) => shows(each, mark))))
  }
  return ['text', 'codespan', 'code'].includes(token.type) && 'text' in token && String(token.text).includes(mark)
}

/** The blocks of a text with its seams, which are places in it, in order. */
export function placeSeams(blocks: readonly Block[], seams: readonly number[]): Marked[] {
  const placed = blocks.map((block): Marked => ({ block, token: block.token, above: [], below: [] }))
  seams.slice(0, MOST).forEach((at, seam) => {
    const inside = placed.findLast((each) => each.block.from < at)
    if (inside === undefined) return
    const within = at - inside.block.from
    const next = placed[placed.indexOf(inside) + 1]
    if (within >= inside.block.token.raw.trimEnd().length) {
      if (next) next.above.push(seam)
      else inside.below.push(seam)
      return
    }
    // With a mark in it already, places have moved by one each.
    const moved = inside.token.raw.length - inside.block.token.raw.length
    const token = marked(inside.token, within + moved, seam)
    if (token) inside.token = token
    else inside.below.push(seam)
  })
  return placed
}
