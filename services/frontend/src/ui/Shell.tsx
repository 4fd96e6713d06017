import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { t } from '../strings'
import type { PageName } from '../core/address'
import { shortcutOf } from '../core/shortcuts'
import { Composer } from './Composer'
import { useApp } from './context'
import { Icon } from './Icons'
import { lazy } from './lazy'
import { SEARCH_ID, Sidebar } from './Sidebar'
import { ThreadView } from './ThreadView'
import { Toast } from './Toast'

const PAGES = {
  settings: lazy(async () => (await import('../settings/SettingsPage')).SettingsPage),
  operator: lazy(async () => (await import('../operator/OperatorPage')).OperatorPage),
} satisfies Record<PageName, ReturnType<typeof lazy>>

const Setup = lazy(async () => (await import('../setup/Setup')).Setup)
const Help = lazy(async () => (await import('./Help')).Help)

/** Where the list of conversations is a drawer; the same width stands in layout.css. */
const NARROW = '(max-width: 704px)'

function useNarrow(): boolean {
  const [narrow, setNarrow] = useState(() => matchMedia(NARROW).matches)
  useEffect(() => {
    const query = matchMedia(NARROW)
    const update = (): void => setNarrow(query.matches)
    query.addEventListener('change', update)
    return () => query.removeEventListener('change', update)
  }, [])
  return narrow
}

function Header({ open, onMenu }: { open: boolean; onMenu: () => void }) {
  const app = useApp()
  const title = app.title.value
  useEffect(() => {
    document.title = `${title} · ${t.product}`
  }, [title])
  return (
    <header class="header">
      <button type="button" class="icon-button narrow-only" aria-expanded={open} onClick={onMenu}>
        <Icon name="menu" size={20} />
        <span class="hidden">{t.sidebar.open}</span>
      </button>
      <h1 dir="auto">{title}</h1>
      <button type="button" class="icon-button narrow-only" onClick={() => app.newChat()}>
        <Icon name="pen" size={20} />
        <span class="hidden">{t.sidebar.newChat}</span>
      </button>
    </header>
  )
}

/** The chat; before the first message of all, whoever runs the server sees how it stands. */
function Chat() {
  const app = useApp()
  const thread = app.thread.value
  return (
    <>
      {app.firstRun.value ? <Setup /> : <ThreadView key={thread.key} thread={thread} />}
      <Composer key={`composer-${thread.key}`} thread={thread} />
    </>
  )
}

export function Shell() {
  const app = useApp()
  const narrow = useNarrow()
  const [help, setHelp] = useState(false)
  const [open, setOpen] = useState(false)
  const opener = useRef<Element | null>(null)
  const drawer = narrow && open
  const close = (): void => {
    setOpen(false)
    if (opener.current instanceof HTMLElement) opener.current.focus()
  }
  useLayoutEffect(() => {
    if (!drawer) return undefined
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== 'Escape') return
      // The drawer is on top: the answer behind it goes on.
      event.stopPropagation()
      close()
    }
    addEventListener('keydown', onKey, true)
    return () => removeEventListener('keydown', onKey, true)
  }, [drawer])
  const menu = (): void => {
    opener.current = document.activeElement
    setOpen(true)
  }
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      switch (shortcutOf(event)) {
        case 'search':
          setOpen(true)
          // Where the list is a drawer, it can take the focus once it is drawn open.
          requestAnimationFrame(() => document.getElementById(SEARCH_ID)?.focus())
          break
        case 'newChat':
          app.newChat()
          break
        case 'help':
          setHelp(true)
          break
        default:
          return
      }
      event.preventDefault()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])
  const Page = app.page.value === null ? null : PAGES[app.page.value]
  return (
    <div class="shell">
      <Sidebar inert={narrow && !open} drawer={drawer} onClose={close} />
      {drawer && <div class="scrim" onClick={close} />}
      <main class="main" inert={drawer}>
        <Header open={drawer} onMenu={menu} />
        {Page === null ? <Chat /> : <Page />}
      </main>
      <Toast />
      {help && <Help onClose={() => setHelp(false)} />}
    </div>
  )
}
