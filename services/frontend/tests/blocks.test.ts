import { lexer } from 'marked'
import { describe, expect, it } from 'vitest'
import { BlockReader, type Block } from '../src/core/blocks'

const DOCUMENTS = [
  '# One\n\n## Two\n\nA paragraph\nof two lines.\n\n#### Four\n\nEnd',
  'Here:\n- one\n- two\n\n  more of two\n\n- three\n\nAfter\n\n1. a\n\n   ```py\n   x\n   ```\n2. b\n',
  'Text\n```x`y\nstays text\n\n```js\nlet a\n\n\nlet b\n```\nnext\n~~~\nopen',
  '| a | b |\n|---|:-:|\n| 1 | `|` |\n| 2 | x |\nnot a row\n\nAfter | it\n\nintro\n| c |\n|---|\n| 3 |\n',
  '> quote\nlazy\n> more\n\n> another\n\n***bold***\n***\n---\n\nTitle\n===\n\nTitle\n---\nx',
  '<div>\nhtml\n</div>\n\n<!-- open\n\ncomment --> after\n\ntext <br> text\n\n    indented\n\n    more\n\nend',
  'See [a] and [b].\n\n[a]: https://a.example\n[b]: https://b.example\n  "title"\n\nAgain [a].\n',
  'Para\n# Head\nPara\n#nohead\n1.5 million\n1) list\n2) list\n\n* * *\n- [ ] task\n- [x] done\n    - deep\n',
  '1. a\n\n2. b\n\n3. c\n\nend\n\n1)\n\n1)\n\n- a\n\n* b\n\n+ c',
  'Windows\r\n\r\n- one\r\n- two\r\n\r\nEnd\rold\r\n',
]

/** Lines that begin, go on with, and end every kind of block. */
const LINES = [
  ...[
    'words',
    'text  ',
    '**b**',
    '- item',
    '  - sub',
    '1. one',
    '2. two',
    '1)',
    '+',
    '* ',
    '- [ ] t',
    '  more',
    '    code',
  ],
  ...['```', '```js', '~~~', '# head', '#', '> q', '>', '| a | b |', '|---|---|', '| 1 | 2 |', '---', '===', '* * *'],
  ...['', '', '', '   ', '\t tab', '<div>', '</div>', '<p', '<br>', '<!-- c', '-->', '[a]: http://x', '[a]'],
]

/** A small generator of numbers that is the same in every run. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

const raws = (blocks: readonly Block[]) => blocks.map((block) => [block.token.type, block.token.raw, block.level])

function whole(text: string): Block[] {
  return new BlockReader().finish(text)
}

describe('markdown read in pieces', () => {
  it('ends as the same blocks as when it is read at once', () => {
    for (const [seed, text] of DOCUMENTS.entries()) {
      const next = random(seed + 1)
      for (let round = 0; round < 12; round += 1) {
        const reader = new BlockReader()
        const step = round === 0 ? 1 : 1 + Math.floor(next() * 12)
        for (let at = 0; at < text.length; at += 1 + Math.floor(next() * step)) reader.grow(text.slice(0, at))
        expect(raws(reader.finish(text))).toEqual(raws(whole(text)))
      }
    }
  })

  it('ends so for any mixture of lines', () => {
    const next = random(99)
    const upTo = (limit: number): number => Math.floor(next() * limit)
    for (let round = 0; round < 1_000; round += 1) {
      const lines = Array.from({ length: 2 + upTo(8) }, () => LINES[upTo(LINES.length)])
      const text = lines.join('\n') + (next() < 0.5 ? '\n' : '')
      const reader = new BlockReader()
      const step = 1 + upTo(8)
      for (let at = 1; at < text.length; at += 1 + upTo(step)) reader.grow(text.slice(0, at))
      expect(raws(reader.finish(text)), JSON.stringify(text)).toEqual(raws(whole(text)))
    }
  })

  it('agrees with the lexer on what the blocks are', () => {
    for (const text of DOCUMENTS) {
      const tokens = lexer(text, { gfm: true, breaks: true }).filter(
        (token) => token.type !== 'space' && token.type !== 'def',
      )
      expect(whole(text).map((block) => block.token.raw)).toEqual(tokens.map((token) => token.raw))
    }
  })

  it('keeps the identity of every block but the open ones', () => {
    const reader = new BlockReader()
    const text = 'One.\n\nTwo.\n\n- three\n\nFour is still'
    const before = reader.grow(text)
    const after = reader.grow(`${text} growing`)
    for (const at of [0, 1]) expect(after[at]).toBe(before[at])
    expect(after.at(-1)?.token.raw).toBe('Four is still growing')
    expect(reader.finish(`${text} growing`)[0]).toBe(before[0])
  })

  it('reads no finished block again', () => {
    const reader = new BlockReader()
    let text = ''
    let first: Block | undefined
    for (let at = 0; at < 200; at += 1) {
      text += `Paragraph ${at}.\n\n`
      const blocks = reader.grow(text)
      if (at === 2) first = blocks[0]
      if (at > 2) expect(blocks[0]).toBe(first)
    }
  })

  it('does not take a paragraph for a heading while a list begins below it', () => {
    const reader = new BlockReader()
    expect(reader.grow('Here:\n-').map((block) => block.token.type)).toEqual(['paragraph'])
    expect(reader.grow('Here:\n- one').map((block) => block.token.type)).toEqual(['paragraph', 'list'])
  })

  it('starts anew when the text is not a longer form of the last one', () => {
    const reader = new BlockReader()
    reader.grow('One.\n\nTwo.\n\nThree.\n\n')
    expect(raws(reader.grow('Other.\n\nTwo.'))).toEqual(raws(whole('Other.\n\nTwo.')))
    expect(reader.grow('')).toEqual([])
  })

  it('finds the target of a link that comes after its use', () => {
    const [first] = whole('See [a].\n\n[a]: https://a.example')
    expect(JSON.stringify(first?.token)).toContain('"href":"https://a.example"')
  })

  it('leaves out no level between headings', () => {
    const levels = whole('## a\n\n#### b\n\n# c\n\n###### d\n\n###### e\n\n###### f\n\n###### g').map(
      (each) => each.level,
    )
    expect(levels).toEqual([3, 4, 3, 4, 5, 6, 6])
  })
})
