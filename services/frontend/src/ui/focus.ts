/** Where the focus goes when what had it is gone. */

import { useCallback, useRef } from 'preact/hooks'

/** To where messages are written; on a touch screen to the conversation, for a keyboard would open over it. */
export function focusBack(): void {
  const fine = matchMedia('(pointer: fine)').matches
  const next = fine ? document.getElementById('message') : document.querySelector<HTMLElement>('[role=log]')
  next?.focus()
}

const CONTROLS = 'a[href], button, input, select, textarea, summary, [tabindex="0"]'

/** What can have the focus beside this: the next thing of the same part of the page, or else the one before it. */
function beside(node: Element): HTMLElement | undefined {
  const controls = [...(node.closest('.card, .composer') ?? document).querySelectorAll<HTMLElement>(CONTROLS)]
  const others = controls.filter((each) => !node.contains(each) && each.checkVisibility?.() !== false)
  const isAfter = (each: Element): boolean =>
    (node.compareDocumentPosition(each) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0
  return others.find(isAfter) ?? others.at(-1)
}

/**
 * A ref for what may go away while it has the focus, which is then handed on: to what ``next`` finds, or to what
 * stands beside it.
 */
export function useHandOn(next?: () => HTMLElement | null | undefined): (node: HTMLElement | null) => void {
  const held = useRef<HTMLElement | null>(null)
  const find = useRef(next)
  find.current = next
  return useCallback((node) => {
    const gone = held.current
    held.current = node
    if (node !== null || gone === null || !gone.contains(document.activeElement)) return
    const neighbour = beside(gone)
    setTimeout(() => {
      const held = document.activeElement
      // Somebody else may have taken it, or the whole page may have gone.
      if (held === null || held === document.body) (find.current?.() ?? neighbour)?.focus()
    })
  }, [])
}

/** To what this finds, once it is drawn. */
export function focusSoon(find: () => HTMLElement | null | undefined): void {
  setTimeout(() => find()?.focus())
}
