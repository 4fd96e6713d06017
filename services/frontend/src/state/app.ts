/** The page's state in one place: who is signed in, which conversation is open, and what is said aloud. */

import { computed, signal, type ReadonlySignal } from '@preact/signals'
import { createApi } from '../api/chat'
import { createConversationsApi } from '../api/conversations'
import { Problem, type Fetch } from '../api/http'
import type { Locality, Sendable, User } from '../api/types'
import { fragmentOf, placeOf, type LinkKind, type PageName } from '../core/address'
import { THEME_KEY, themeOf, type Theme } from '../core/theme'
import type { Turn } from '../core/turn'
import { t } from '../strings'
import { createConversations, type Conversations } from './conversations'
import { createEntry, type Entry } from './entry'
import type { Env } from './env'
import { explain } from './explain'
import { createRoutes, type Routes } from './routes'
import type { Branch, Thread } from './thread'
import { createThreads } from './threads'

export type Phase = 'opening' | 'unreachable' | 'signedOut' | 'choosing' | 'ready'

export interface App {
  readonly phase: ReadonlySignal<Phase>
  /** The form that is shown to who is signed out, and to who chooses a first password. */
  readonly entry: Entry
  /** Who is signed in has no password yet, and so no way back but another link. */
  readonly withoutPassword: ReadonlySignal<boolean>
  /** Conversations begin locked. */
  readonly lockDefault: ReadonlySignal<boolean>
  setLockDefault(locked: boolean): void
  /** Who is signed in; null while nobody is. */
  readonly user: ReadonlySignal<User | null>
  /** The page that is open; null: the chat. */
  readonly page: ReadonlySignal<PageName | null>
  /** An admin is here for the first time: there is no conversation yet, and none was begun. */
  readonly firstRun: ReadonlySignal<boolean>
  /** A call to the gateway, for the pages that are loaded later. */
  readonly call: Fetch
  readonly env: Env
  /** Tell an error that may mean that somebody is signed out. */
  onError(error: unknown): void
  readonly theme: ReadonlySignal<Theme>
  setTheme(theme: Theme): void
  /** All conversations are gone from the server: show none. */
  forgetConversations(): void
  /** Say a sentence in the status region. */
  say(sentence: string): void
  readonly thread: ReadonlySignal<Thread>
  /** What the open conversation is called. */
  readonly title: ReadonlySignal<string>
  readonly conversations: Conversations
  readonly streaming: ReadonlySignal<ReadonlySet<string>>
  /** The last sentence for the status region. */
  readonly spoken: ReadonlySignal<string>
  readonly demoNoticeDismissed: ReadonlySignal<boolean>
  /** Where a conversation is found in the address bar. */
  hrefOf(id: string | null): string
  open(): Promise<void>
  newChat(): void
  reload(): void
  send(message: string): void
  /** End the answer that runs, or take back the message that waits. */
  stop(): void
  /** Another answer to the same words. */
  regenerate(turn: Turn, prefer: Locality | null): void
  /** The same place in the conversation, with other words. */
  edit(turn: Turn, message: string): void
  /** Go on with an answer that broke off. */
  goOn(turn: Turn): void
  /** Show another branch. */
  show(branch: Branch): void
  /** Try the connection now. */
  hurry(): void
  setLock(locked: boolean): Promise<void>
  /** What unlocking would let go; null while that is not known. */
  sendable(): Promise<Sendable | null>
  signOut(): Promise<void>
  /** Hand in the form, and go on where it worked. */
  enter(name: string, password: string): Promise<void>
  /** Show the form for a first password. */
  choosePassword(): void
  /** Go back to the chat without one. */
  chooseLater(): void
  readonly routes: Routes
  /** Let the browser save what the gateway has at this path. */
  download(path: string): Promise<void>
  dismissDemoNotice(): void
}

const DEMO_NOTICE = 'novacore.notice.demo-model'

export function createApp(env: Env): App {
  const api = createApi(env.fetch)
  const phase = signal<Phase>('opening')
  const entry = createEntry(api)
  const user = signal<User | null>(null)
  const page = signal<PageName | null>(null)
  const theme = signal(themeOf(env.browserStore.get(THEME_KEY)))
  const spoken = signal('')
  const demoNoticeDismissed = signal(env.browserStore.get(DEMO_NOTICE) !== null)
  const conversations = createConversations(createConversationsApi(api.call), env, {
    onError,
    onRemoved(session) {
      spoken.value = t.sidebar.deleted(session.title || t.sidebar.untitled)
      left = null
      if (current.peek().id.peek() !== session.id) return
      env.address.go(fragmentOf(null))
      left = session.id
    },
    onBack(session) {
      // Back to where its reader was, unless they have gone elsewhere since.
      if (left === session.id && page.peek() === null && current.peek().id.peek() === null) {
        env.address.go(fragmentOf(session.id))
      }
    },
  })
  const routes = createRoutes(api, onError)
  const threads = createThreads(env, api, {
    onError,
    onNamed(named, id) {
      if (current.peek() === named) env.address.replace(fragmentOf(id))
      void conversations.refresh()
    },
    onEnded: () => void (phase.peek() === 'ready' && conversations.refresh()),
    announce(about, sentence) {
      if (about === current.peek()) spoken.value = sentence
    },
  })
  const current = signal<Thread>(threads.get(null))
  /** The conversation that was open when it was deleted. */
  let left: string | null = null
  /** Whose words this page holds. */
  let holder: string | null = null
  let link: { kind: LinkKind; token: string } | null = null

  function onError(error: unknown): void {
    if (!(error instanceof Problem) || error.status !== 401 || phase.peek() !== 'ready') return
    entry.show('signIn', '', t.signedOut.ended)
    phase.value = 'signedOut'
  }

  function show(id: string | null): void {
    current.value = threads.get(id)
    void threads.load(current.value)
  }

  /** Take the token out of the address bar, so that it stays in no history, and go on as if it had not been there. */
  function takeLink(): void {
    const place = placeOf(env.address.fragment())
    if (place.kind === 'chat' || place.kind === 'page') return
    link = place
    env.address.replace('')
  }

  /** Exchange a sign-in link. Its sentence if it did not work; raises Unreachable where nobody answered. */
  async function exchange(): Promise<string> {
    if (link?.kind !== 'signin') return ''
    try {
      await api.signIn(link.token)
      link = null
      return ''
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      link = null
      const spent = error.status === 401 || error.status === 410
      return spent ? t.signedOut.spent : t.signedOut.failed(explain(error))
    }
  }

  /** What this page holds of somebody's conversations. */
  function forget(): void {
    threads.clear()
    routes.clear()
    conversations.clear()
    current.value = threads.get(null)
  }

  async function open(): Promise<void> {
    phase.value = 'opening'
    takeLink()
    if (link?.kind === 'invite' || link?.kind === 'reset') {
      entry.show(link.kind, link.token, '')
      link = null
      phase.value = 'signedOut'
      return
    }
    try {
      const note = await exchange()
      try {
        const known = await api.me()
        if (holder !== null && holder !== known.user_id) forget()
        holder = known.user_id
        user.value = known
      } catch (error) {
        if (!(error instanceof Problem) || error.status !== 401) throw error
        entry.show('signIn', '', note)
        phase.value = 'signedOut'
        return
      }
    } catch {
      phase.value = 'unreachable'
      return
    }
    phase.value = 'ready'
    const place = placeOf(env.address.fragment())
    page.value = place.kind === 'page' ? place.page : null
    show(place.kind === 'chat' ? place.sessionId : null)
    void conversations.refresh()
  }

  env.address.onChange(() => {
    const place = placeOf(env.address.fragment())
    page.value = place.kind === 'page' ? place.page : null
    if (place.kind === 'page') return
    if (place.kind !== 'chat') void open()
    else if (phase.peek() === 'ready' && place.sessionId !== current.peek().id.peek()) show(place.sessionId)
  })
  /** Another page may have gone on with what is open, and begun, renamed or deleted others. */
  function catchUp(): void {
    threads.hurry()
    if (phase.peek() !== 'ready') return
    void threads.load(current.peek())
    void conversations.refresh()
  }
  env.onOnline(catchUp)
  env.onReturn(catchUp)

  return {
    phase,
    entry,
    withoutPassword: computed(() => user.value !== null && !user.value.has_password),
    lockDefault: threads.lockDefault,
    setLockDefault: threads.setLockDefault,
    user,
    page,
    firstRun: computed(
      () =>
        user.value?.role === 'admin' &&
        conversations.total.value === 0 &&
        // A link may name one that is not there, or not theirs.
        current.value.id.value === null &&
        current.value.turns.value.length === 0,
    ),
    call: api.call,
    env,
    onError,
    theme,
    setTheme(wanted) {
      env.browserStore.set(THEME_KEY, wanted === 'system' ? '' : wanted)
      theme.value = wanted
    },
    forgetConversations() {
      threads.clear()
      conversations.clear()
      current.value = threads.get(null)
      void conversations.refresh()
    },
    say: (sentence) => {
      spoken.value = sentence
    },
    thread: computed(() => current.value),
    title: computed(() => {
      if (page.value !== null) return t.sidebar[page.value]
      const { id, turns } = current.value
      const listed = conversations.items.value.find((each) => each.id === id.value)
      return listed?.title || turns.value[0]?.value.question || t.thread.untitled
    }),
    conversations,
    streaming: threads.streaming,
    spoken,
    demoNoticeDismissed,
    hrefOf: fragmentOf,
    open,
    newChat: () => env.address.go(fragmentOf(null)),
    reload: () => void threads.load(current.peek()),
    send: (message) => void threads.send(current.peek(), message),
    stop: () => threads.stop(current.peek()),
    regenerate: (turn, prefer) => void threads.regenerate(current.peek(), turn, prefer),
    edit: (turn, message) => void threads.edit(current.peek(), turn, message),
    goOn(turn) {
      if (turn.id !== null) routes.forget(turn.id)
      void threads.goOn(current.peek(), turn)
    },
    show: (branch) => threads.show(current.peek(), branch),
    hurry: threads.hurry,
    async setLock(locked) {
      await threads.locks.set(current.peek(), locked)
      void conversations.refresh()
    },
    sendable: () => threads.locks.sendable(current.peek()),
    routes,
    async signOut() {
      await conversations.settle()
      try {
        await api.signOut()
      } catch (error) {
        if (!(error instanceof Problem) || error.status !== 401) {
          current.peek().refusal.value = explain(error)
          return
        }
      }
      forget()
      user.value = null
      page.value = null
      env.address.replace('')
      entry.show('signIn', '', t.signedOut.ended)
      phase.value = 'signedOut'
    },
    async enter(name, password) {
      const chosen = phase.peek() === 'choosing'
      if (!(await entry.submit(name, password))) return
      if (!chosen) {
        await open()
        return
      }
      const known = user.peek()
      if (known !== null) user.value = { ...known, name: name || known.name, has_password: true }
      phase.value = 'ready'
    },
    choosePassword() {
      entry.show('choose', '', '')
      phase.value = 'choosing'
    },
    chooseLater() {
      phase.value = 'ready'
    },
    async download(path) {
      try {
        // The browser itself makes the call that follows, and gets no new tokens for it.
        await api.me()
        env.download(path)
      } catch (error) {
        onError(error)
        spoken.value = explain(error)
      }
    },
    dismissDemoNotice() {
      env.browserStore.set(DEMO_NOTICE, 'dismissed')
      demoNoticeDismissed.value = true
    },
  }
}
