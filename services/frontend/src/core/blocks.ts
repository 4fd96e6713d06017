/**
 * Markdown in blocks that stay. While an answer grows, a block that is finished keeps its identity and is never read
 * again; only the open end is lexed anew. Read piece by piece or at once, a text gives the same blocks.
 */

import { Lexer, type Links, type Token } from 'marked'

export interface Block {
  token: Token
  /** For a heading its place in the outline, where no level is ever left out; 0 for any other block. */
  level: number
  /** Where in the text it begins. */
  from: number
  /** More of it may come. */
  open: boolean
}

/** Messages are headings of the second level, so those inside an answer begin at the third. */
const TOP_LEVEL = 3
const LOWEST_LEVEL = 6

/** A line of dashes may yet become a list; until it ends it would turn the paragraph above into a heading. */
const OPEN_RULE = /(^|\n)[ \t]*[-=]+[ \t]*$/

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** A copy with memory of its own. A slice would keep every longer text that it was cut from alive. */
function copy(text: string): string {
  return decoder.decode(encoder.encode(text))
}

export function lineFeedsOnly(text: string): string {
  return text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text
}

/** After so many whole lines no further one changes what kind of block it is: a table is known by its second. */
const DECIDED_LINES = 3

function isDecided(token: Token): boolean {
  return token.raw.split('\n', DECIDED_LINES + 1).length > DECIDED_LINES
}

/** The last token before ``at`` that is more than blank lines; 0 where there is none. */
function blockBefore(tokens: readonly Token[], at: number): number {
  let before = at - 1
  while (before > 0 && tokens[before]?.type === 'space') before -= 1
  return Math.max(before, 0)
}

/** How many of the tokens no later text can change. */
function settled(tokens: readonly Token[]): number {
  let open = blockBefore(tokens, tokens.length)
  // A first line that is not whole yet, "2" of "2. two", may belong to the block above, also across a blank line.
  if (!tokens[open]?.raw.includes('\n')) open = blockBefore(tokens, open)
  // What begins right below a block, "```" or "|--", may turn out to be more of that block.
  while (open > 0 && tokens[open - 1]?.type !== 'space' && !isDecided(tokens[open] as Token)) open -= 1
  return open
}

export class BlockReader {
  #done: Block[] = []
  #read = ''
  #level = TOP_LEVEL - 1
  #links: Links = {}

  /** The blocks of a text that is still growing. A text that is not a longer form of the last one is read anew. */
  grow(text: string): Block[] {
    const source = lineFeedsOnly(text)
    if (!source.startsWith(this.#read)) this.#forget()
    const tail = copy(source.slice(this.#read.length).replace(OPEN_RULE, '$1'))
    const tokens = this.#lex(tail)
    const count = settled(tokens)
    let length = 0
    for (const token of tokens.slice(0, count)) {
      if (!tail.startsWith(token.raw, length)) return [...this.#done, ...this.#blocks(tokens, true)[0]]
      length += token.raw.length
    }
    const [blocks, level] = this.#blocks(tokens.slice(0, count), false)
    if (length > 0) {
      this.#done = [...this.#done, ...blocks]
      this.#level = level
      this.#read = source.slice(0, this.#read.length + length)
    }
    return [...this.#done, ...this.#blocks(tokens.slice(count), true)[0]]
  }

  /** The blocks of the whole text. Finished ones keep their identity, unless a link's target came after its use. */
  finish(text: string): Block[] {
    const source = lineFeedsOnly(text)
    if (!source.startsWith(this.#read)) this.#forget()
    const tokens = this.#lex(copy(source.slice(this.#read.length)))
    if (Object.keys(this.#links).length > 0) {
      this.#forget()
      return this.#blocks(this.#lex(source), false)[0]
    }
    return [...this.#done, ...this.#blocks(tokens, false)[0]]
  }

  #forget(): void {
    this.#done = []
    this.#read = ''
    this.#level = TOP_LEVEL - 1
    this.#links = {}
  }

  #lex(tail: string): Token[] {
    const lexer = new Lexer({ gfm: true, breaks: true })
    Object.assign(lexer.tokens.links, this.#links)
    const tokens = lexer.lex(tail)
    this.#links = tokens.links
    return tokens
  }

  /** The blocks of what was read next, and the level of the last heading. */
  #blocks(tokens: readonly Token[], open: boolean): [Block[], number] {
    const blocks: Block[] = []
    let level = this.#level
    let from = this.#read.length
    for (const token of tokens) {
      const at = from
      from += token.raw.length
      if (token.type === 'space' || token.type === 'def') continue
      if (token.type === 'heading') level = Math.min(TOP_LEVEL - 1 + token.depth, level + 1, LOWEST_LEVEL)
      blocks.push({ token, level: token.type === 'heading' ? level : 0, from: at, open })
    }
    return [blocks, level]
  }
}
