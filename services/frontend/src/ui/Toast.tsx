import { t } from '../strings'
import { useApp } from './context'
import { Icon } from './Icons'

/** What has just been deleted, for as long as it can be brought back. */
export function Toast() {
  const { conversations } = useApp()
  const removed = conversations.removed.value
  const trouble = conversations.trouble.value
  const words = removed === null ? trouble : t.sidebar.deleted(removed.title || t.sidebar.untitled)
  if (words === '') return null
  return (
    <section class="toast" aria-label={t.sidebar.notice}>
      {removed === null && <Icon name="alert" size={16} />}
      <span>{words}</span>
      {removed !== null && (
        <button type="button" class="toast-action" onClick={() => conversations.undo()}>
          {t.sidebar.undo}
        </button>
      )}
    </section>
  )
}
