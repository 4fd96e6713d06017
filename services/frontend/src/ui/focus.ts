/** Where the focus goes when what had it is gone. */

/** To where messages are written; on a touch screen to the conversation, for a keyboard would open over it. */
export function focusBack(): void {
  const fine = matchMedia('(pointer: fine)').matches
  const next = fine ? document.getElementById('message') : document.querySelector<HTMLElement>('[role=log]')
  next?.focus()
}

/** To what this finds, once it is drawn. */
export function focusSoon(find: () => HTMLElement | null | undefined): void {
  setTimeout(() => find()?.focus())
}
