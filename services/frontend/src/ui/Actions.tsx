import { useId, useState } from 'preact/hooks'
import { outlookOf } from '../core/outlook'
import type { Turn } from '../core/turn'
import type { Thread } from '../state/thread'
import { t } from '../strings'
import { useApp } from './context'
import { CopyButton } from './CopyButton'
import { focusBack } from './focus'
import { Icon } from './Icons'

/** Another answer, from whoever answers, or from where it is wanted. */
function Regenerate({ thread, turn }: { thread: Thread; turn: Turn }) {
  const app = useApp()
  const [open, setOpen] = useState(false)
  const id = useId()
  const explained = thread.outlook.value
  const outlook = explained === null ? null : outlookOf(explained, thread.locked.value === true)
  const choice = outlook !== null && outlook.hasLocal && outlook.clouds.length > 0
  const ask = (prefer: 'local' | 'cloud' | null): void => {
    setOpen(false)
    app.regenerate(turn, prefer)
    focusBack()
  }
  if (!choice) {
    return (
      <button type="button" class="action" onClick={() => ask(null)}>
        <Icon name="again" size={14} />
        {t.answer.regenerate}
      </button>
    )
  }
  return (
    <>
      <button
        type="button"
        class="action"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => setOpen(!open)}
      >
        <Icon name="again" size={14} />
        {t.answer.regenerate}
      </button>
      {open && (
        <span class="choices" id={id} role="group" aria-label={t.answer.how}>
          <button type="button" class="action" onClick={() => ask(null)}>
            {t.answer.anyone}
          </button>
          <button type="button" class="action action-local" onClick={() => ask('local')}>
            <Icon name="home" size={14} />
            {t.answer.locally}
          </button>
          <button type="button" class="action action-cloud" onClick={() => ask('cloud')}>
            <Icon name="cloud" size={14} />
            {t.answer.inCloud}
          </button>
        </span>
      )}
    </>
  )
}

/** What can be done with an answer that has ended. */
export function Actions({ thread, turn }: { thread: Thread; turn: Turn }) {
  const app = useApp()
  if (turn.status === 'running') return null
  const busy = thread.running.value !== null
  const goOn = (): void => {
    app.goOn(turn)
    focusBack()
  }
  // The notes under these have their own.
  const noted = turn.status === 'interrupted' || turn.status === 'failed' || turn.status === 'fallback'
  return (
    <span class="actions">
      {turn.answer !== '' && turn.status !== 'fallback' && (
        <CopyButton class="action" text={() => turn.answer} words={t.answer.copyAnswer} />
      )}
      {!busy && turn.status === 'stopped' && (
        <button type="button" class="action" onClick={goOn}>
          <Icon name="forward" size={14} />
          {t.answer.goOn}
        </button>
      )}
      {!busy && !noted && <Regenerate thread={thread} turn={turn} />}
    </span>
  )
}
