/** The page's state in one place: who is signed in, which conversation is open, and what is said aloud. */

import { computed, effect, signal, type ReadonlySignal } from '@preact/signals'
import { createApi } from '../api/chat'
import { Problem } from '../api/http'
import type { StoredRoute } from '../api/types'
import { fragmentOf, placeOf, type LinkKind } from '../core/address'
import { t } from '../strings'
import { createConversations, type Conversations } from './conversations'
import { createEntry, type Entry } from './entry'
import type { Env } from './env'
import type { Thread } from './thread'
import { createThreads, explain } from './threads'

export type Phase = 'opening' | 'unreachable' | 'signedOut' | 'choosing' | 'ready'

export interface App {
  readonly phase: ReadonlySignal<Phase>
  /** The form that is shown to who is signed out, and to who chooses a first password. */
  readonly entry: Entry
  /** Who is signed in has no password yet, and so no way back but another link. */
  readonly withoutPassword: ReadonlySignal<boolean>
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
  stop(): void
  signOut(): Promise<void>
  /** Hand in the form, and go on where it worked. */
  enter(name: string, password: string): Promise<void>
  /** Show the form for a first password. */
  choosePassword(): void
  /** Go back to the chat without one. */
  chooseLater(): void
  route(messageId: string): Promise<StoredRoute>
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
  effect(() => threads.watch(current.value))

  return {
    phase,
    entry,
    withoutPassword,
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
    route: api.route,
    dismissDemoNotice() {
      env.browserStore.set(DEMO_NOTICE, 'dismissed')
      demoNoticeDismissed.value = true
    },
  }
}
