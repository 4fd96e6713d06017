import { useEffect, useRef } from 'preact/hooks'
import type { Session } from '../api/types'
import { byAge } from '../core/format'
import { t } from '../strings'
import { useApp } from './context'
import { Icon, Mark } from './Icons'

function Row({ session, current, running }: { session: Session; current: boolean; running: boolean }) {
  const app = useApp()
  return (
    <li>
      <a class="row" href={app.hrefOf(session.id)} aria-current={current ? 'page' : undefined}>
        <span class="row-title">{session.title || t.sidebar.untitled}</span>
        {running && <span class="pulse" role="img" aria-label={t.sidebar.running} />}
      </a>
    </li>
  )
}

/** The end of the list: coming near it loads older conversations, and its button does the same by hand. */
function Older() {
  const { conversations } = useApp()
  const state = conversations.state.value
  const button = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    const seen = button.current
    if (seen === null || state !== 'ready') return undefined
    const observer = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) void conversations.more()
    })
    observer.observe(seen)
    return () => observer.disconnect()
  }, [state])
  const words = { ready: t.sidebar.more, loading: t.sidebar.loading, failed: t.sidebar.retry }
  return (
    <button
      type="button"
      class="older"
      ref={button}
      aria-disabled={state === 'loading'}
      onClick={() => void conversations.more()}
    >
      {words[state]}
    </button>
  )
}

function List() {
  const { conversations, thread, streaming } = useApp()
  const items = conversations.items.value
  const state = conversations.state.value
  const id = thread.value.id.value
  if (items.length === 0 && state === 'ready') return <p class="quiet sidebar-note">{t.sidebar.empty}</p>
  return (
    <>
      {byAge(items, (each) => each.created_at, new Date()).map(([age, sessions]) => (
        <section key={age}>
          <h3>{t.sidebar.ages[age]}</h3>
          <ul>
            {sessions.map((each) => (
              <Row key={each.id} session={each} current={each.id === id} running={streaming.value.has(each.id)} />
            ))}
          </ul>
        </section>
      ))}
      {state === 'failed' && (
        <p class="sidebar-note" role="alert">
          {t.sidebar.failed}
        </p>
      )}
      {(conversations.hasMore.value || items.length === 0) && <Older />}
    </>
  )
}

interface SidebarProps {
  /** Out of sight, and out of reach. */
  inert: boolean
  /** Shown over the page. */
  drawer: boolean
  onClose: () => void
}

export function Sidebar({ inert, drawer, onClose }: SidebarProps) {
  const app = useApp()
  const first = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    if (drawer) first.current?.focus()
  }, [drawer])
  /** A conversation was chosen, so the drawer has done its work. */
  const onChoice = (event: MouseEvent): void => {
    if (drawer && event.target instanceof Element && event.target.closest('a, .new-chat')) onClose()
  }
  return (
    <aside
      class={drawer ? 'sidebar sidebar-open' : 'sidebar'}
      inert={inert}
      aria-label={t.product}
      onClick={onChoice}
    >
      <div class="brand">
        <Mark />
        <span>{t.product}</span>
        <button type="button" class="icon-button narrow-only" ref={first} onClick={onClose}>
          <Icon name="close" size={20} />
          <span class="hidden">{t.sidebar.close}</span>
        </button>
      </div>
      <button type="button" class="new-chat" onClick={() => app.newChat()}>
        <Icon name="pen" />
        {t.sidebar.newChat}
      </button>
      <nav class="list" aria-label={t.sidebar.label}>
        <h2 class="hidden">{t.sidebar.label}</h2>
        <List />
      </nav>
      {app.withoutPassword.value && (
        <button type="button" class="row sign-out" onClick={() => app.choosePassword()}>
          <Icon name="pen" />
          {t.sidebar.choosePassword}
        </button>
      )}
      <button type="button" class="row sign-out" onClick={() => void app.signOut()}>
        <Icon name="signOut" />
        {t.sidebar.signOut}
      </button>
    </aside>
  )
}
