import { describe, expect, it } from 'vitest'
import { choose, pathOf, type Choices, type Node } from '../src/core/branches'

const node = (key: string, parentId: string | null, id: string | null = key): Node => ({ key, id, parentId })

const TREE = [node('a', null), node('b', 'a'), node('c', 'a'), node('d', 'b'), node('e', null)]

function shown(items: readonly Node[], choices: Choices = new Map()): string {
  return pathOf(items, choices)
    .map(({ item, siblings, place }) => `${item.key}${siblings.length > 1 ? `(${place + 1}/${siblings.length})` : ''}`)
    .join(' ')
}

describe('the way through a conversation', () => {
  it('is all of it where nothing branches', () => {
    expect(shown([node('a', null), node('b', 'a'), node('c', 'b')])).toBe('a b c')
    expect(shown([])).toBe('')
  })

  it('leads to the newest words, whichever branch they are in', () => {
    expect(shown(TREE.slice(0, 3))).toBe('a c(2/2)')
    expect(shown(TREE.slice(0, 4))).toBe('a b(1/2) d')
    expect(shown(TREE)).toBe('e(2/2)')
  })

  it('follows what was chosen, and the newest words after it', () => {
    const chosen = choose(new Map(), TREE[0] as Node)
    expect(shown(TREE, chosen)).toBe('a(1/2) b(1/2) d')
    expect(shown(TREE, choose(chosen, TREE[2] as Node))).toBe('a(1/2) c(2/2)')
  })

  it('ends with a message that has no name yet, and is found again when it has one', () => {
    expect(shown([node('a', null), node('new', 'a', null)])).toBe('a new')
    expect(shown([node('key', null, 'a'), node('b', 'a')])).toBe('key b')
  })

  it('begins with a message whose parent is not there', () => {
    expect(shown([node('b', 'gone'), node('c', 'b')])).toBe('b c')
  })
})
