/** A gateway, a clock and a browser's odds and ends, all in memory. */

import type { Explained, Prompt, Session, StoredRoute } from '../src/api/types'
import type { Address, Env, Store } from '../src/state/env'
import { explained, session, storedRoute } from './make'

/** The password that the server takes. */
export const GOOD = 'correct horse battery'

export interface Call {
  method: string
  path: string
  body: Record<string, unknown>
  headers: Headers
}

/** The server's end of one stream. */
export class FakeStream {
  readonly #encoder = new TextEncoder()
  #controller!: ReadableStreamDefaultController<Uint8Array>
  left = false
  #ids = 0
  readonly body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      this.#controller = controller
    },
    cancel: () => {
      this.left = true
    },
  })

  async send(data: object, event?: string): Promise<void> {
    this.#ids += 1
    await this.raw(`id: ${this.#ids}\n${event ? `event: ${event}\n` : ''}data: ${JSON.stringify(data)}\n\n`)
  }

  async raw(text: string): Promise<void> {
    this.#controller.enqueue(this.#encoder.encode(text))
    await settle()
  }

  async start(messageId = 'm1', sessionId = 's1'): Promise<void> {
    await this.send({ message_id: messageId, session_id: sessionId }, 'start')
  }

  async done(): Promise<void> {
    await this.send({ content: '', done: true, session_id: 's1', message_id: 'm1', tokens_used: 7, latency_ms: 2100 })
  }

  /** Go on counting where another stream of the same answer was. */
  after(id: number): this {
    this.#ids = id
    return this
  }

  async cut(): Promise<void> {
    this.#controller.error(new TypeError('network error'))
    await settle()
  }
}

export class FakeServer {
  calls: Call[] = []
  streams: FakeStream[] = []
  signedIn = true
  /** Whether the page holds a refresh token that works. */
  refreshable = false
  hasPassword = true
  role = 'admin'
  userId = 'u1'
  down = false
  sessions: Session[] = []
  pageSize = 50
  prompts: Record<string, Prompt[]> = {}
  routes: Record<string, StoredRoute> = {}
  /** Whether a session is locked. */
  locked: Record<string, boolean> = {}
  sendable = { messages: 2, stay_local: 0 }
  cutOff: { message_id: string; provider: string; model: string }[] = []
  explained: Explained = explained()
  /** Answers to give in place of the usual one, by "METHOD path". */
  replies: Record<string, Response> = {}

  readonly fetch = async (url: string, init: RequestInit = {}): Promise<Response> => {
    const { pathname, searchParams } = new URL(url, 'http://novacore.test')
    const method = init.method ?? 'GET'
    const body = typeof init.body === 'string' ? (JSON.parse(init.body) as Record<string, unknown>) : {}
    this.calls.push({ method, path: pathname, body, headers: new Headers(init.headers) })
    if (this.down) throw new TypeError('failed to fetch')
    const reply = this.replies[`${method} ${pathname}`]
    if (reply) return reply.clone()
    if (pathname === '/api/auth/link') return this.#link(body)
    if (pathname === '/api/auth/refresh') return this.#entered(this.refreshable, problem(401, 'Not valid.'))
    if (pathname === '/api/auth/login') return this.#entered(body.password === GOOD, problem(401, 'Not right.'))
    if (pathname === '/api/auth/register') return this.#entered(body.invitation === 'good', problem(410, 'Spent.'))
    if (pathname === '/api/auth/reset') return this.#entered(body.token === 'good', problem(410, 'Spent.'))
    if (!this.signedIn) return problem(401, 'Sign in first.')
    return this.#answer(pathname, searchParams, init)
  }

  stream(): FakeStream {
    const last = this.streams.at(-1)
    if (!last) throw new Error('nothing was streamed')
    return last
  }

  made(call: string): Call[] {
    return this.calls.filter((each) => `${each.method} ${each.path}` === call)
  }

  #link(body: Record<string, unknown>): Response {
    return this.#entered(body.token === 'good', problem(410, 'It was used.'))
  }

  #entered(right: boolean, refusal: Response): Response {
    if (!right) return refusal
    this.signedIn = true
    return json({ user_id: 'u1', role: 'admin', expires_in: 900 })
  }

  #answer(path: string, query: URLSearchParams, init: RequestInit): Response {
    if (path === '/api/auth/me') {
      return json({ user_id: this.userId, name: 'Ada', role: this.role, has_password: this.hasPassword })
    }
    if (path === '/api/auth/password') {
      this.hasPassword = true
      return new Response(null, { status: 204 })
    }
    if (path === '/api/auth/logout') {
      this.signedIn = false
      return new Response(null, { status: 204 })
    }
    if (path === '/api/chat/sessions' && init.method === 'POST') {
      this.locked.s9 = true
      return json({ ...session({ id: 's9' }), local_only: true }, 201)
    }
    if (path === '/api/chat/sessions') return this.#page(Number(query.get('cursor') ?? 0), query.get('q') ?? '')
    const listed = this.sessions.find((each) => path === `/api/chat/sessions/${each.id}`)
    if (listed && init.method === 'DELETE') {
      this.sessions = this.sessions.filter((each) => each !== listed)
      return new Response(null, { status: 204 })
    }
    if (listed && init.method === 'PATCH' && String(init.body).includes('"title"')) {
      Object.assign(listed, JSON.parse(String(init.body)))
      return json(listed)
    }
    if (path === '/api/chat/stream') return this.#open(init)
    if (path === '/api/chat/route/explain') return json(this.explained)
    const [, , , kind, id = '', action] = path.split('/')
    if (kind === 'history' && this.prompts[id]) {
      const prompts = this.prompts[id]
      return json({ session_id: id, prompts, total: prompts.length })
    }
    if (action === 'route') return json(this.routes[id] ?? storedRoute({ message_id: id }))
    if (action === 'stop') return json({})
    if (action === 'continue' || kind === 'stream') return this.#open(init)
    if (action === 'lock') return json({ local_only: this.locked[id] === true, sendable: this.sendable })
    if (kind === 'sessions' && init.method === 'PATCH') return this.#lock(id, String(init.body).includes('true'))
    return problem(404, 'There is no such thing.')
  }

  #lock(id: string, locked: boolean): Response {
    this.locked[id] = locked
    const told = locked ? { cut_off: this.cutOff } : { sendable: this.sendable }
    return json({ ...session({ id, local_only: locked }), ...told })
  }

  #page(at: number, words: string): Response {
    const end = at + this.pageSize
    const found = this.sessions.filter((each) => (each.title ?? '').includes(words))
    const next = end < found.length ? String(end) : null
    return json({ sessions: found.slice(at, end), total: found.length, next_cursor: next })
  }

  #open(init: RequestInit): Response {
    const stream = new FakeStream()
    this.streams.push(stream)
    init.signal?.addEventListener('abort', () => void stream.cut())
    return new Response(stream.body, { headers: { 'Content-Type': 'text/event-stream' } })
  }
}

export function json(body: unknown, status = 200): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json' } })
}

export function problem(status: number, detail: string): Response {
  const body = JSON.stringify({ title: 'A problem', status, detail })
  return new Response(body, { status, headers: { 'Content-Type': 'application/problem+json' } })
}

/** Let everything that is ready to run do so. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 40; turn += 1) await Promise.resolve()
  await new Promise<void>((done) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      done()
    }
    port2.postMessage(null)
  })
  for (let turn = 0; turn < 40; turn += 1) await Promise.resolve()
}

function memoryStore(): Store & { entries: Map<string, string> } {
  const entries = new Map<string, string>()
  return {
    entries,
    get: (key) => entries.get(key) ?? null,
    set: (key, value) => void (value === '' ? entries.delete(key) : entries.set(key, value)),
    clear: (prefix) =>
      [...entries.keys()].filter((key) => key.startsWith(prefix)).forEach((key) => entries.delete(key)),
  }
}

export class FakeBrowser implements Address {
  hash = ''
  readonly #listeners: (() => void)[] = []
  readonly tabStore = memoryStore()
  readonly browserStore = memoryStore()
  #frames: (() => void)[] = []
  #timers: { at: number; run: () => void }[] = []
  #now = 1_000
  #ids = 0
  /** The network is there again; the reader is back. */
  online = (): void => {}
  back = (): void => {}
  /** The paths that were saved. */
  downloads: string[] = []
  #leavers: (() => void)[] = []
  #visible = true
  readonly #watchers = new Set<(visible: boolean) => void>()

  /** Close the tab. */
  async leave(): Promise<void> {
    for (const run of this.#leavers) run()
    await settle()
  }

  /** Another tab comes before this one, or goes. */
  async show(visible: boolean): Promise<void> {
    this.#visible = visible
    for (const run of this.#watchers) run(visible)
    await settle()
  }

  readonly fragment = (): string => this.hash
  readonly replace = (fragment: string): void => {
    this.hash = fragment
  }
  readonly go = (fragment: string): void => {
    if (fragment === this.hash) return
    this.hash = fragment
    for (const listener of this.#listeners) listener()
  }
  readonly onChange = (run: () => void): void => {
    this.#listeners.push(run)
  }

  env(server: FakeServer): Env {
    return {
      fetch: server.fetch,
      now: () => this.#now,
      after: (ms, run) => {
        const timer = { at: this.#now + ms, run }
        this.#timers.push(timer)
        return () => {
          this.#timers = this.#timers.filter((each) => each !== timer)
        }
      },
      onFrame: (run) => this.#frames.push(run),
      random: () => 1,
      newId: () => `id-${(this.#ids += 1)}`,
      onOnline: (run) => {
        this.online = run
      },
      onReturn: (run) => {
        this.back = run
      },
      address: this,
      download: (path) => void this.downloads.push(path),
      onLeave: (run) => void this.#leavers.push(run),
      onVisible: (run) => {
        this.#watchers.add(run)
        run(this.#visible)
        return () => void this.#watchers.delete(run)
      },
      tabStore: this.tabStore,
      browserStore: this.browserStore,
    }
  }

  /** How many paints were asked for and not yet done. */
  get frames(): number {
    return this.#frames.length
  }

  paint(): void {
    const due = this.#frames
    this.#frames = []
    for (const run of due) run()
  }

  async pass(ms: number): Promise<void> {
    this.#now += ms
    const due = this.#timers.filter((each) => each.at <= this.#now)
    this.#timers = this.#timers.filter((each) => each.at > this.#now)
    for (const timer of due) timer.run()
    await settle()
  }
}
