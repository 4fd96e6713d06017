import type { ComponentChildren } from 'preact'
import { useId, useLayoutEffect, useRef } from 'preact/hooks'

interface DialogProps {
  title: string
  /** Escape, or a press outside. */
  onClose: () => void
  children: ComponentChildren
  /** Its buttons; the one with ``autofocus`` is reached first. */
  actions: ComponentChildren
}

/** A question that has to be answered before anything else. The browser keeps the focus in it, and gives it back. */
export function Dialog({ title, onClose, children, actions }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()
  useLayoutEffect(() => {
    const shown = dialog.current
    shown?.showModal()
    return () => shown?.close()
  }, [])
  const onCancel = (event: Event): void => {
    event.preventDefault()
    onClose()
  }
  const onClick = (event: MouseEvent): void => {
    if (event.target === dialog.current) onClose()
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    // What is behind it hears of no key.
    event.stopPropagation()
  }
  return (
    <dialog
      class="dialog"
      ref={dialog}
      aria-labelledby={id}
      onCancel={onCancel}
      onClick={onClick}
      onKeyDown={onKeyDown}
    >
      <div class="dialog-body">
        <h2 id={id}>{title}</h2>
        {children}
        <div class="dialog-actions">{actions}</div>
      </div>
    </dialog>
  )
}
