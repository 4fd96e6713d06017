import { useEffect, useRef, useState } from 'preact/hooks'
import { t } from '../strings'
import { Composer } from './Composer'
import { useApp } from './context'
import { Icon } from './Icons'
import { Sidebar } from './Sidebar'
import { ThreadView } from './ThreadView'

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
      <h1>{title}</h1>
      <button type="button" class="icon-button narrow-only" onClick={() => app.newChat()}>
        <Icon name="pen" size={20} />
        <span class="hidden">{t.sidebar.newChat}</span>
      </button>
    </header>
  )
}

export function Shell() {
  const { thread } = useApp()
  const narrow = useNarrow()
  const [open, setOpen] = useState(false)
  const opener = useRef<Element | null>(null)
  const drawer = narrow && open
  const close = (): void => {
    setOpen(false)
    if (opener.current instanceof HTMLElement) opener.current.focus()
  }
  useEffect(() => {
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
  return (
    <div class="shell">
      <Sidebar inert={narrow && !open} drawer={drawer} onClose={close} />
      {drawer && <div class="scrim" onClick={close} />}
      <main class="main" inert={drawer}>
        <Header open={drawer} onMenu={menu} />
        <ThreadView key={thread.value.key} thread={thread.value} />
        <Composer key={`composer-${thread.value.key}`} thread={thread.value} />
      </main>
    </div>
  )
}
