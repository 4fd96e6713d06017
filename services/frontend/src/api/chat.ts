/** The gateway's calls, by name. */

import { decode, type StreamEvent } from '../core/events'
import { SseParser } from '../core/sse'
import { getJson, postJson, refreshing, Unreachable, type Fetch } from './http'
import type { History, SessionPage, StoredRoute, User } from './types'

const PAGE_SIZE = 50

/** The server sends a heartbeat every 15 s; after three that are missing the connection is dead. */
export const SILENCE_LIMIT_MS = 45_000

export type After = (ms: number, run: () => void) => () => void

export interface StreamOptions {
  message: string
  sessionId: string | null
  signal: AbortSignal
  after: After
}

export interface Api {
  signIn(token: string): Promise<void>
  logIn(name: string, password: string): Promise<void>
  register(invitation: string, name: string, password: string): Promise<void>
  /** Set a new password by an admin's link. */
  reset(token: string, password: string): Promise<void>
  /** Set the first password of somebody who is signed in, and the name that belongs to it. */
  choose(name: string, password: string): Promise<void>
  signOut(): Promise<void>
  me(): Promise<User>
  sessions(cursor: string | null): Promise<SessionPage>
  history(sessionId: string): Promise<History>
  route(messageId: string): Promise<StoredRoute>
  stop(messageId: string): Promise<void>
  /** Raises Problem before the first event, and Unreachable when the connection is lost at any time. */
  stream(options: StreamOptions): AsyncGenerator<StreamEvent[]>
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

async function* events(body: ReadableStream<Uint8Array>, after: After): AsyncGenerator<StreamEvent[]> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  const parser = new SseParser()
  try {
    for (;;) {
      const { done, value } = await readOrGiveUp(reader, after)
      if (done) return
      const batch = parser
        .push(decoder.decode(value, { stream: true }))
        .map(decode)
        .filter((event) => event !== null)
      if (batch.length > 0) yield batch
    }
  } finally {
    // Leaving tells the server to end its own call, which is what the reader wants in every case but the last.
    reader.cancel().catch(() => {})
  }
}

export function createApi(plain: Fetch): Api {
  const fetch = refreshing(plain)
  const path = encodeURIComponent
  return {
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
    sessions(cursor) {
      const rest = cursor === null ? '' : `&cursor=${path(cursor)}`
      return getJson<SessionPage>(fetch, `/api/chat/sessions?limit=${PAGE_SIZE}${rest}`)
    },
    history: (sessionId) => getJson<History>(fetch, `/api/chat/history/${path(sessionId)}`),
    route: (messageId) => getJson<StoredRoute>(fetch, `/api/chat/messages/${path(messageId)}/route`),
    async stop(messageId) {
      await postJson(fetch, `/api/chat/messages/${path(messageId)}/stop`, {})
    },
    async *stream({ message, sessionId, signal, after }) {
      const body = sessionId === null ? { message } : { message, session_id: sessionId }
      const headers = { Accept: 'text/event-stream', 'X-NovaCore-Stream': '2' }
      const response = await postJson(fetch, '/api/chat/stream', body, { headers, signal })
      if (response.body === null) throw new Unreachable()
      yield* events(response.body, after)
    },
  }
}
