/**
 * The shown way through a conversation. Every message names the one that it follows; two that follow the same one are
 * branches, which is what an edited question and a new answer are.
 */

export interface Node {
  /** Stable within this page. */
  key: string
  /** Null while the server has not named it; nothing follows it yet. */
  id: string | null
  parentId: string | null
}

export interface Step<Item extends Node> {
  item: Item
  /** All that follow the same message, in the order in which they came; this one is at ``place``. */
  siblings: readonly Item[]
  place: number
}

/** The key of a branching in ``Choices``: the message that is followed, or this one where nothing is. */
const ROOT = ''

/** Which branch was chosen after a message, by key. Where nothing was chosen, the newest words are shown. */
export type Choices = ReadonlyMap<string, string>

export function choose(choices: Choices, node: Node): Choices {
  return new Map(choices).set(node.parentId ?? ROOT, node.key)
}

/** The way from the first message to the last. ``items`` are in the order in which they came. */
export function pathOf<Item extends Node>(items: readonly Item[], choices: Choices): Step<Item>[] {
  const known = new Set(items.map((each) => each.id))
  const children = new Map<string, Item[]>()
  const parentOf = (item: Item): string => (known.has(item.parentId) ? (item.parentId ?? ROOT) : ROOT)
  for (const item of items) {
    const siblings = children.get(parentOf(item))
    if (siblings) siblings.push(item)
    else children.set(parentOf(item), [item])
  }
  // How new the newest words below a message are: a child always comes after its parent.
  const newest = new Map<string, number>()
  for (let at = items.length - 1; at >= 0; at -= 1) {
    const item = items[at] as Item
    const age = Math.max(at, item.id === null ? at : (newest.get(item.id) ?? at))
    newest.set(item.key, age)
    const parent = parentOf(item)
    newest.set(parent, Math.max(age, newest.get(parent) ?? age))
  }
  const path: Step<Item>[] = []
  let parent: string | null = ROOT
  while (parent !== null) {
    const siblings: Item[] | undefined = children.get(parent)
    if (siblings === undefined) break
    const chosen = choices.get(parent)
    const age = (item: Item): number => newest.get(item.key) ?? 0
    const item: Item =
      siblings.find((each) => each.key === chosen) ?? siblings.reduce((one, other) => (age(other) > age(one) ? other : one))
    path.push({ item, siblings, place: siblings.indexOf(item) })
    parent = item.id
  }
  return path
}
