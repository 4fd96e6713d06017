import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { pageFragment, type PageName } from '../core/address'
import { t } from '../strings'
import { useApp } from './context'
import { ConversationList } from './Conversations'
import { Icon, Mark, type IconName } from './Icons'

/** The field that the shortcut for a search goes to. */
export const SEARCH_ID = 'search'

function Search() {
  const app = useApp()
  const { conversations } = app
  const query = conversations.query.value
  const listed = conversations.listed.value
  useEffect(() => {
    if (listed !== conversations.all.value) app.say(t.sidebar.found(listed.total.value ?? 0))
  }, [listed])
  const clear = (): void => {
    conversations.search('')
    document.getElementById(SEARCH_ID)?.focus()
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== 'Escape' || query === '') return
    event.stopPropagation()
    conversations.search('')
  }
  return (
    <div class="search" role="search">
      <Icon name="search" size={16} />
      <input
        id={SEARCH_ID}
        type="text"
        inputMode="search"
        autocomplete="off"
        spellcheck={false}
        aria-label={t.sidebar.search}
        placeholder={t.sidebar.search}
        maxLength={200}
        value={query}
        onInput={(event) => conversations.search(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      {query !== '' && (
        <button type="button" class="search-clear" onClick={clear}>
          <Icon name="close" size={14} />
          <span class="hidden">{t.sidebar.searchClear}</span>
        </button>
      )}
    </div>
  )
}

function PageLink({ page, icon }: { page: PageName; icon: IconName }) {
  const app = useApp()
  return (
    <a class="row" href={pageFragment(page)} aria-current={app.page.value === page ? 'page' : undefined}>
      <Icon name={icon} />
      {t.sidebar[page]}
    </a>
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
  useLayoutEffect(() => {
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
      <Search />
      <ConversationList />
      <div class="sidebar-foot">
        {app.user.value?.role === 'admin' && <PageLink page="operator" icon="gauge" />}
        <PageLink page="settings" icon="sliders" />
        {app.withoutPassword.value && (
          <button type="button" class="row" onClick={() => app.choosePassword()}>
            <Icon name="pen" />
            {t.sidebar.choosePassword}
          </button>
        )}
        <button type="button" class="row" onClick={() => void app.signOut()}>
          <Icon name="signOut" />
          {t.sidebar.signOut}
        </button>
      </div>
    </aside>
  )
}
