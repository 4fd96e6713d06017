import { useRef } from 'preact/hooks'
import { t } from '../strings'
import { useApp } from './context'
import { useHandOn } from './focus'
import { Icon } from './Icons'

const messageBox = (): HTMLElement | null => document.getElementById('message')

/** What has just been deleted, for as long as it can be brought back. */
export function Toast() {
  const app = useApp()
  const { conversations } = app
  const removed = conversations.removed.value
  const trouble = conversations.trouble.value
  const brought = useRef('')
  const handOn = useHandOn(() => document.querySelector<HTMLElement>(`.list a[href="${brought.current}"]`) ?? messageBox())
  const undo = (): void => {
    brought.current = removed === null ? '' : app.hrefOf(removed.id)
    conversations.undo()
  }
  const words = removed === null ? trouble : t.sidebar.deleted(removed.title || t.sidebar.untitled)
  if (words === '') return null
  return (
    <section class="toast" aria-label={t.sidebar.notice}>
      {removed === null && <Icon name="alert" size={16} />}
      <span>{words}</span>
      {removed !== null && (
        <button type="button" class="toast-action" ref={handOn} onClick={undo}>
          {t.sidebar.undo}
        </button>
      )}
    </section>
  )
}
