import { describe, expect, it } from 'vitest'
import { BlockReader } from '../src/core/blocks'
import { placeSeams, splitAtMarks, withoutMarks } from '../src/core/seams'

/** Where the marks stand, as "|", with "^" and "_" for those above and below a block. */
function places(text: string, ...seams: number[]): string[] {
  return placeSeams(new BlockReader().finish(text), seams).map(({ token, above, below }) => {
    const inside = splitAtMarks(token.raw).map((piece) => piece.text)
    return '^'.repeat(above.length) + inside.join('|').trimEnd() + '_'.repeat(below.length)
  })
}

/** Seams at every "|" of the text. */
function at(text: string): string[] {
  const parts = text.split('|')
  const seams = parts.slice(0, -1).map((_, place) => parts.slice(0, place + 1).join('').length)
  return places(parts.join(''), ...seams)
}

describe('a seam', () => {
  it('stands between the words where it belongs', () => {
    expect(at('one two| three')).toEqual(['one two| three'])
    expect(at('one **two| three** four')).toEqual(['one **two| three** four'])
    expect(at('one| two| three')).toEqual(['one| two| three'])
    expect(at('- one\n- two| three')).toEqual(['- one\n- two| three'])
    expect(at('```py\na = 1|\nb = 2\n```')).toEqual(['```py\na = 1|\nb = 2\n```'])
  })

  it('stands beside markup that it would break', () => {
    expect(at('one |*two* three')).toEqual(['one |*two* three'])
    expect(at('one *|*two** three')).toEqual(['one **|two** three'])
    expect(at('one\n|```\ntwo\n```')).toEqual(['one', '^```\ntwo\n```'])
  })

  it('stands above a block that another one began', () => {
    expect(at('one\n\n|two')).toEqual(['one', '^two'])
    expect(at('one\n|\n# two')).toEqual(['one', '^# two'])
    expect(at('one|\n\n')).toEqual(['one_'])
  })

  it('stands below a block that has no place for it', () => {
    expect(at('[a](http://exam|ple.org)')).toEqual(['[a](http://example.org)_'])
    expect(at('<div>\none| two\n</div>')).toEqual(['<div>\none two\n</div>_'])
  })

  it('changes nothing else, wherever it stands', () => {
    const text = '# One *two*\n\nText `code` and **bold _both_**:\n\n- a\n  - b\n- [ ] c\n\n```js\nlet a\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> quote\n> more\n\nend'
    const plain = new BlockReader().finish(text)
    for (let place = 1; place < text.length; place += 1) {
      const placed = placeSeams(plain, [place])
      const marks = placed.map((each) => splitAtMarks(each.token.raw).length - 1 + each.above.length + each.below.length)
      expect(marks.reduce((sum, each) => sum + each, 0), `at ${place}`).toBe(1)
      const shape = placed.map((each) => withoutMarks(JSON.stringify(each.token)).replaceAll('\ufffd', ''))
      expect(shape, `at ${place}`).toEqual(plain.map((each) => JSON.stringify(each.token)))
    }
  })

  it('is nothing that a model could write', () => {
    expect(withoutMarks('a\ufdd0b\ufdefc')).toBe('a\ufffdb\ufffdc')
  })
})
