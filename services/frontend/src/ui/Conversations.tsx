import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { exportPath, type ExportFormat } from '../api/conversations'
import type { Session } from '../api/types'
import { byAge, type Age } from '../core/format'
import { drawnRows, type View } from '../core/window'
import { t } from '../strings'
import { useApp } from './context'
import { Icon } from './Icons'

type Row = { age: Age } | { session: Session }

const titleOf = (session: Session): string => session.title || t.sidebar.untitled

/** One list item for each age and each conversation. */
function rowsOf(sessions: readonly Session[]): Row[] {
  return byAge(sessions, (each) => each.created_at, new Date()).flatMap(([age, group]) => [
    { age },
    ...group.map((session) => ({ session })),
  ])
}

/** What of the list can be seen, and how high a row is; both change with the window and the reader's font size. */
function useView(rowHeight: number): [preact.RefObject<HTMLElement | null>, View, number, () => void] {
  const scroller = useRef<HTMLElement>(null)
  const [view, setView] = useState<View>({ top: 0, height: 900 })
  const [height, setHeight] = useState(rowHeight)
  const look = (): void => {
    const node = scroller.current
    if (node === null) return
    const row = node.querySelector<HTMLElement>('.rows > li')?.offsetHeight
    if (row) setHeight(row)
    setView({ top: node.scrollTop, height: node.clientHeight || 900 })
  }
  useLayoutEffect(() => {
    const node = scroller.current
    if (node === null) return undefined
    look()
    const observer = new ResizeObserver(look)
    observer.observe(node)
    return () => observer.disconnect()
  }, [])
  return [scroller, view, height, look]
}

/** The row beside this one, which has the focus when this one is gone. */
function neighbourOf(element: Element): HTMLElement | null {
  const row = element.closest('li')
  const next = row?.nextElementSibling?.querySelector<HTMLElement>('a')
  return next ?? row?.previousElementSibling?.querySelector<HTMLElement>('a') ?? null
}

/** ``onDone`` is told whether a key has ended it: then the focus stays in the list. */
function Rename({ session, onDone }: { session: Session; onDone: (byKey: boolean) => void }) {
  const app = useApp()
  const field = useRef<HTMLInputElement>(null)
  const over = useRef(false)
  useLayoutEffect(() => field.current?.select(), [])
  const end = (save: boolean, byKey: boolean): void => {
    if (over.current) return
    over.current = true
    const title = field.current?.value ?? ''
    if (save && title.trim() !== titleOf(session)) {
      void app.conversations.rename(session.id, title).then((problem) => problem !== '' && app.say(problem))
    }
    onDone(byKey)
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.isComposing) return
    if (event.key === 'Enter') end(true, true)
    if (event.key === 'Escape') {
      event.stopPropagation()
      end(false, true)
    }
  }
  return (
    <input
      ref={field}
      class="rename"
      aria-label={t.sidebar.title}
      dir="auto"
      defaultValue={titleOf(session)}
      maxLength={200}
      onKeyDown={onKeyDown}
      onBlur={() => end(true, false)}
    />
  )
}

interface MenuProps {
  session: Session
  /** The button that it belongs to. */
  anchor: HTMLElement
  onRename: () => void
  onClose: () => void
}

/** What can be done with a conversation. */
function Menu({ session, anchor, onRename, onClose }: MenuProps) {
  const app = useApp()
  const menu = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => {
    const node = menu.current
    if (node === null) return
    const place = anchor.getBoundingClientRect()
    node.showPopover?.()
    const below = place.bottom + 4
    const fits = below + node.offsetHeight < innerHeight
    node.style.top = `${fits ? below : Math.max(4, place.top - node.offsetHeight - 4)}px`
    node.style.left = `${Math.max(4, Math.min(place.left, innerWidth - node.offsetWidth - 4))}px`
    node.querySelector('button')?.focus()
  }, [])
  const close = (): void => {
    onClose()
    anchor.focus()
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const items = [...(menu.current?.querySelectorAll('button') ?? [])]
    const at = items.indexOf(document.activeElement as HTMLButtonElement)
    const to = { ArrowDown: at + 1, ArrowUp: at - 1 + items.length, Home: 0, End: items.length - 1 }[event.key]
    if (to !== undefined) {
      event.preventDefault()
      items[to % items.length]?.focus()
    }
    if (event.key === 'Escape' || event.key === 'Tab') {
      event.preventDefault()
      event.stopPropagation()
      close()
    }
  }
  const save = (format: ExportFormat) => () => {
    close()
    void app.download(exportPath(session.id, format))
  }
  const actions: [string, () => void][] = [
    [t.sidebar.rename, onRename],
    [t.sidebar.exportMarkdown, save('markdown')],
    [t.sidebar.exportJson, save('json')],
    [
      t.sidebar.delete,
      () => {
        onClose()
        neighbourOf(anchor)?.focus()
        app.conversations.remove(session)
      },
    ],
  ]
  return (
    <div
      ref={menu}
      class="menu"
      role="menu"
      popover="auto"
      aria-label={t.sidebar.actions(titleOf(session))}
      onKeyDown={onKeyDown}
      onToggle={(event) => event.newState === 'closed' && onClose()}
    >
      {actions.map(([words, run]) => (
        <button key={words} type="button" role="menuitem" tabIndex={-1} onClick={run}>
          {words}
        </button>
      ))}
    </div>
  )
}

interface ItemProps {
  session: Session
  renaming: boolean
  onMenu: (anchor: HTMLElement) => void
  onRename: (session: Session | null) => void
}

function Item({ session, renaming, onMenu, onRename }: ItemProps) {
  const app = useApp()
  const link = useRef<HTMLAnchorElement>(null)
  const toLink = useRef(false)
  useLayoutEffect(() => {
    if (toLink.current && !renaming) link.current?.focus()
    toLink.current = false
  }, [renaming])
  const renamed = (byKey: boolean): void => {
    toLink.current = byKey
    onRename(null)
  }
  if (renaming) return <Rename session={session} onDone={renamed} />
  const current = app.page.value === null && app.thread.value.id.value === session.id
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'F2') onRename(session)
    if (event.key === 'Delete') {
      neighbourOf(event.currentTarget as Element)?.focus()
      app.conversations.remove(session)
    }
    if (event.key === 'z' && (event.ctrlKey || event.metaKey)) app.conversations.undo()
  }
  return (
    <>
      <a
        class="row"
        ref={link}
        href={app.hrefOf(session.id)}
        aria-current={current ? 'page' : undefined}
        title={titleOf(session)}
        onKeyDown={onKeyDown}
      >
        <span class="row-title" dir="auto">{titleOf(session)}</span>
        {session.local_only && <Icon name="lock" size={14} />}
        {app.streaming.value.has(session.id) && <span class="pulse" role="img" aria-label={t.sidebar.running} />}
      </a>
      <button
        type="button"
        class="row-more"
        aria-haspopup="menu"
        aria-label={t.sidebar.actions(titleOf(session))}
        onClick={(event) => onMenu(event.currentTarget as HTMLElement)}
      >
        <Icon name="more" size={16} />
      </button>
    </>
  )
}

/** The end of the list: coming near it loads older conversations, and its button does the same by hand. */
function Older() {
  const pages = useApp().conversations.listed.value
  const state = pages.state.value
  const words = { ready: t.sidebar.more, loading: t.sidebar.loading, failed: t.sidebar.retry }
  return (
    <button type="button" class="older" aria-disabled={state === 'loading'} onClick={() => void pages.more()}>
      {words[state]}
    </button>
  )
}

/** The conversations. Only those that can be seen are drawn, so that thousands are as quick as ten. */
export function ConversationList() {
  const { conversations } = useApp()
  const pages = conversations.listed.value
  const sessions = pages.items.value
  const state = pages.state.value
  const hasMore = pages.hasMore.value
  const [scroller, view, rowHeight, look] = useView(36)
  const [menu, setMenu] = useState<{ session: Session; anchor: HTMLElement } | null>(null)
  const [renaming, setRenaming] = useState<string | null>(null)
  const rows = useMemo(() => rowsOf(sessions), [sessions])
  const [first, end] = drawnRows(view, rowHeight, rows.length)
  useLayoutEffect(look, [rows.length > 0])
  useEffect(() => {
    if (hasMore && state === 'ready' && end >= rows.length) void pages.more()
  }, [hasMore, state, end, rows.length])
  const searching = conversations.query.value.trim() !== ''
  return (
    <nav class="list" aria-label={t.sidebar.label} ref={scroller} onScroll={look}>
      <h2 class="hidden">{t.sidebar.label}</h2>
      {sessions.length === 0 && state === 'ready' && (
        <p class="quiet sidebar-note">{searching ? t.sidebar.nothingFound : t.sidebar.empty}</p>
      )}
      {rows.length > 0 && (
        <ul class="rows" style={{ height: `${rows.length * rowHeight}px` }}>
          {rows.slice(first, end).map((row, place) => (
            <li
              key={'age' in row ? row.age : row.session.id}
              aria-posinset={first + place + 1}
              aria-setsize={rows.length}
              style={{ top: `${(first + place) * rowHeight}px` }}
            >
              {'age' in row ? (
                <h3>{t.sidebar.ages[row.age]}</h3>
              ) : (
                <Item
                  session={row.session}
                  renaming={renaming === row.session.id}
                  onMenu={(anchor) => setMenu({ session: row.session, anchor })}
                  onRename={(session) => setRenaming(session?.id ?? null)}
                />
              )}
            </li>
          ))}
        </ul>
      )}
      {state === 'failed' && (
        <p class="sidebar-note" role="alert">
          {t.sidebar.failed}
        </p>
      )}
      {(hasMore || (sessions.length === 0 && state !== 'ready')) && <Older />}
      {menu !== null && (
        <Menu
          key={menu.session.id}
          {...menu}
          onClose={() => setMenu(null)}
          onRename={() => {
            setMenu(null)
            setRenaming(menu.session.id)
          }}
        />
      )}
    </nav>
  )
}
