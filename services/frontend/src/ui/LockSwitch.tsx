import { useEffect, useLayoutEffect, useState } from 'preact/hooks'
import type { Sendable } from '../api/types'
import { outlookOf, type Outlook } from '../core/outlook'
import { shortcutOf } from '../core/shortcuts'
import type { Thread } from '../state/thread'
import { t } from '../strings'
import { useApp } from './context'
import { Dialog } from './Dialog'
import { Icon, type IconName } from './Icons'

/** The one question before a conversation is unlocked, with what that lets go. */
export function UnlockDialog({ thread, onDone }: { thread: Thread; onDone: (unlocked: boolean) => void }) {
  const app = useApp()
  const [sendable, setSendable] = useState<Sendable | null>(null)
  useEffect(() => {
    void app.sendable().then(setSendable)
  }, [])
  const unlock = async (): Promise<void> => {
    await app.setLock(false)
    onDone(thread.locked.peek() === false)
  }
  const stay = sendable?.stay_local ?? 0
  return (
    <Dialog
      title={t.lock.ask}
      onClose={() => onDone(false)}
      actions={
        <>
          <button type="button" class="button" autofocus onClick={() => onDone(false)}>
            {t.lock.keep}
          </button>
          <button type="button" class="button button-cloud" onClick={() => void unlock()}>
            <Icon name="cloud" size={16} />
            {t.lock.unlock}
          </button>
        </>
      }
    >
      {thread.id.value === null ? (
        <p>{t.lock.askNew}</p>
      ) : (
        <p>{sendable === null ? t.lock.unknown : t.lock.sendable(sendable.messages)}</p>
      )}
      {stay > 0 && <p>{t.lock.stayLocal(stay)}</p>}
    </Dialog>
  )
}

interface Words {
  tone: 'local' | 'cloud' | 'plain'
  icon: IconName
  words: string
}

function wordsOf(outlook: Outlook): Words {
  const { heldBy, clouds, cloudFirst, onThisMachine } = outlook
  if (heldBy === 'deployment') return { tone: 'local', icon: 'home', words: t.lock.byOperator }
  if (heldBy === 'user') return { tone: 'local', icon: 'home', words: t.lock.byUser }
  if (heldBy !== null || clouds.length === 0) {
    return { tone: 'local', icon: 'home', words: onThisMachine ? t.lock.staysHere : t.lock.staysNear }
  }
  if (cloudFirst) return { tone: 'cloud', icon: 'cloud', words: t.lock.goes(clouds) }
  return { tone: 'plain', icon: 'home', words: t.lock.mayGo(clouds) }
}

/** What will happen to the next message. */
export function PrivacyLine({ thread }: { thread: Thread }) {
  const explained = thread.outlook.value
  const locked = thread.locked.value
  if (explained === null || locked === null) return <span class="privacy-line" />
  const { tone, icon, words } = wordsOf(outlookOf(explained, locked))
  return (
    <span class={`privacy-line privacy-${tone}`} id="message-privacy">
      <Icon name={icon} size={14} />
      <span>{words}</span>
    </span>
  )
}

/** Locks at once; unlocking asks. */
export function LockSwitch({ thread }: { thread: Thread }) {
  const app = useApp()
  const [asking, setAsking] = useState(false)
  const explained = thread.outlook.value
  const heldBy = explained === null ? null : outlookOf(explained, thread.locked.value === true).heldBy
  // Somebody else keeps the cloud out, and this switch could not let it in.
  const forced = heldBy === 'deployment' || heldBy === 'user'
  const locked = thread.locked.value === true
  const on = forced || locked
  const toggle = (): void => {
    if (forced || thread.locked.peek() === null) return
    if (locked) setAsking(true)
    else void app.setLock(true)
  }
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (shortcutOf(event) !== 'lock') return
      event.preventDefault()
      toggle()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  })
  return (
    <>
      <button
        type="button"
        class={on ? 'lock lock-on' : 'lock'}
        role="switch"
        aria-checked={on}
        aria-disabled={forced}
        aria-keyshortcuts="Control+Shift+L"
        title={`${on ? t.lock.locked : t.lock.unlocked} (${t.lock.shortcut})`}
        onClick={toggle}
      >
        <Icon name={on ? 'lock' : 'unlock'} size={15} />
        {t.lock.lock}
      </button>
      {asking && <UnlockDialog thread={thread} onDone={() => setAsking(false)} />}
    </>
  )
}
