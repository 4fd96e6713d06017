/** The page's state in one place: who is signed in, which conversation is open, and what is said aloud. */

import { computed, signal, type ReadonlySignal } from '@preact/signals'
import { createApi } from '../api/chat'
import { Problem } from '../api/http'
import type { Locality, Sendable } from '../api/types'
import { fragmentOf, placeOf, type LinkKind } from '../core/address'
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
  /** Say a sentence in the status region. */
  say(sentence: string): void
  /** Conversations begin locked. */
  readonly lockDefault: ReadonlySignal<boolean>
  setLockDefault(locked: boolean): void
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
  dismissDemoNotice(): void
}

const DEMO_NOTICE = 'novacore.notice.demo-model'

export function createApp(env: Env): App {
  const api = createApi(env.fetch)
  const phase = signal<Phase>('opening')
  const entry = createEntry(api)
  const withoutPassword = signal(false)
  const spoken = signal('')
  const demoNoticeDismissed = signal(env.browserStore.get(DEMO_NOTICE) !== null)
  const conversations = createConversations(api, onError)
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
    if (place.kind === 'chat') return
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
        withoutPassword.value = !(await api.me()).has_password
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
    show(place.kind === 'chat' ? place.sessionId : null)
    void conversations.refresh()
  }

  env.address.onChange(() => {
    const place = placeOf(env.address.fragment())
    if (place.kind !== 'chat') void open()
    else if (phase.peek() === 'ready' && place.sessionId !== current.peek().id.peek()) show(place.sessionId)
  })
  env.onOnline(threads.hurry)
  env.onReturn(() => {
    threads.hurry()
    // Another page may have gone on with it.
    if (phase.peek() === 'ready') void threads.load(current.peek())
  })

  return {
    phase,
    entry,
    withoutPassword,
    say: (sentence) => {
      spoken.value = sentence
    },
    lockDefault: threads.lockDefault,
    setLockDefault: threads.setLockDefault,
    thread: computed(() => current.value),
    title: computed(() => {
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
      try {
        await api.signOut()
      } catch (error) {
        if (!(error instanceof Problem) || error.status !== 401) {
          current.peek().refusal.value = explain(error)
          return
        }
      }
      threads.clear()
      routes.clear()
      conversations.clear()
      env.address.replace('')
      current.value = threads.get(null)
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
      withoutPassword.value = false
      phase.value = 'ready'
    },
    choosePassword() {
      entry.show('choose', '', '')
      phase.value = 'choosing'
    },
    chooseLater() {
      phase.value = 'ready'
    },
    dismissDemoNotice() {
      env.browserStore.set(DEMO_NOTICE, 'dismissed')
      demoNoticeDismissed.value = true
    },
  }
}
