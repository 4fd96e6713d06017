/** The gateway's calls, by name. */

import { decode, type StreamEvent } from '../core/events'
import { SseParser } from '../core/sse'
import { getJson, postJson, refreshing, request, sendJson, Unreachable, type Fetch } from './http'
import type {
  Explained,
  History,
  Locality,
  LockChange,
  LockState,
  Session,
  StoredRoute,
  User,
} from './types'

/** The server sends a heartbeat every 15 s; after three that are missing the connection is dead. */
export const SILENCE_LIMIT_MS = 45_000

export type After = (ms: number, run: () => void) => () => void

/** A message as the server takes it. */
export interface Message {
  message: string
  session_id?: string
  /** The message that it follows; the session's own id where it follows none. Without it: the session's latest. */
  parent_id?: string
  prefer?: Locality
}

/** Which stream: that of a new message, the rest of one that runs or has ended, or that of one which is gone on with. */
export type Source =
  | { kind: 'send'; message: Message; key: string }
  | { kind: 'follow'; messageId: string; lastEventId: string }
  | { kind: 'continue'; messageId: string; key: string }

export interface StreamOptions {
  source: Source
  signal: AbortSignal
  after: After
}

export interface Batch {
  events: StreamEvent[]
  /** Where in the stream the last of them stood; empty where it does not say. */
  lastEventId: string
}

export interface Api {
  /** A call that gets new tokens where it came too late for its own. */
  readonly call: Fetch
  signIn(token: string): Promise<void>
  logIn(name: string, password: string): Promise<void>
  register(invitation: string, name: string, password: string): Promise<void>
  /** Set a new password by an admin's link. */
  reset(token: string, password: string): Promise<void>
  /** Set the first password of somebody who is signed in, and the name that belongs to it. */
  choose(name: string, password: string): Promise<void>
  signOut(): Promise<void>
  me(): Promise<User>
  history(sessionId: string): Promise<History>
  route(messageId: string): Promise<StoredRoute>
  stop(messageId: string): Promise<void>
  /** Raises Problem before the first event, and Unreachable when the connection is lost at any time. */
  stream(options: StreamOptions): AsyncGenerator<Batch>
  /** Begin a conversation that is locked before its first word. */
  createLocked(): Promise<Session>
  lock(sessionId: string): Promise<LockState>
  setLock(sessionId: string, localOnly: boolean): Promise<LockChange>
  /** Whom a message would ask now. */
  explain(message: Omit<Message, 'message'> & { local_only?: boolean }): Promise<Explained>
}

/** One read, given up when the connection stays silent for too long. */
async function readOrGiveUp(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  after: After,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  let disarm = (): void => {}
  const silence = new Promise<never>((_, reject) => {
    disarm = after(SILENCE_LIMIT_MS, () => reject(new Unreachable()))
  })
  try {
    return await Promise.race([reader.read(), silence])
  } catch {
    throw new Unreachable()
  } finally {
    disarm()
  }
}

async function* events(body: ReadableStream<Uint8Array>, after: After): AsyncGenerator<Batch> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  const parser = new SseParser()
  try {
    for (;;) {
      const { done, value } = await readOrGiveUp(reader, after)
      if (done) return
      const frames = parser.push(decoder.decode(value, { stream: true }))
      const known = frames.map(decode).filter((event) => event !== null)
      // Nothing but a heartbeat: the connection lives, and that alone is news to who has lost it.
      yield { events: known, lastEventId: frames.at(-1)?.id ?? '' }
    }
  } finally {
    // The server keeps the answer going for a while, so that whoever left can come back to it.
    reader.cancel().catch(() => {})
  }
}

export function createApi(plain: Fetch): Api {
  const fetch = refreshing(plain)
  const path = encodeURIComponent

  function open(source: Source, signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { Accept: 'text/event-stream', 'X-NovaCore-Stream': '2' }
    switch (source.kind) {
      case 'send':
        headers['Idempotency-Key'] = source.key
        return postJson(fetch, '/api/chat/stream', source.message, { headers, signal })
      case 'continue':
        headers['Idempotency-Key'] = source.key
        return postJson(fetch, `/api/chat/messages/${path(source.messageId)}/continue`, {}, { headers, signal })
      case 'follow':
        headers['Last-Event-ID'] = source.lastEventId || '0'
        return request(fetch, `/api/chat/stream/${path(source.messageId)}`, { headers, signal })
    }
  }

  return {
    call: fetch,
    async signIn(token) {
      await postJson(fetch, '/api/auth/link', { token })
    },
    async logIn(name, password) {
      await postJson(fetch, '/api/auth/login', { name, password })
    },
    async register(invitation, name, password) {
      await postJson(fetch, '/api/auth/register', { invitation, name, password })
    },
    async reset(token, password) {
      await postJson(fetch, '/api/auth/reset', { token, password })
    },
    async choose(name, password) {
      await postJson(fetch, '/api/auth/password', { name, new_password: password })
    },
    async signOut() {
      await postJson(fetch, '/api/auth/logout', {})
    },
    me: () => getJson<User>(fetch, '/api/auth/me'),
    history: (sessionId) => getJson<History>(fetch, `/api/chat/history/${path(sessionId)}`),
    route: (messageId) => getJson<StoredRoute>(fetch, `/api/chat/messages/${path(messageId)}/route`),
    async stop(messageId) {
      await postJson(fetch, `/api/chat/messages/${path(messageId)}/stop`, {})
    },
    async *stream({ source, signal, after }) {
      const response = await open(source, signal)
      if (response.body === null) throw new Unreachable()
      yield* events(response.body, after)
    },
    async createLocked() {
      return (await (await postJson(fetch, '/api/chat/sessions', { local_only: true })).json()) as Session
    },
    lock: (sessionId) => getJson<LockState>(fetch, `/api/chat/sessions/${path(sessionId)}/lock`),
    async setLock(sessionId, localOnly) {
      const url = `/api/chat/sessions/${path(sessionId)}`
      return (await (await sendJson(fetch, 'PATCH', url, { local_only: localOnly })).json()) as LockChange
    },
    async explain(message) {
      const body = { message: '?', use_memory: false, ...message }
      return (await (await postJson(fetch, '/api/chat/route/explain', body)).json()) as Explained
    },
  }
}
