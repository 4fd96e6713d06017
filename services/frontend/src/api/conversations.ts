/** The calls that the list of conversations makes. */

import { getJson, request, sendJson, type Fetch } from './http'
import type { Session, SessionPage } from './types'

const PAGE_SIZE = 50

export type ExportFormat = 'markdown' | 'json'

export interface ConversationsApi {
  /** A page of them; with words to look for, those in whose title or messages they are. */
  sessions(cursor: string | null, words?: string): Promise<SessionPage>
  rename(id: string, title: string): Promise<Session>
  /** ``leaving``: the page goes away, and the call must outlive it. */
  remove(id: string, leaving?: boolean): Promise<void>
}

export function exportPath(id: string, format: ExportFormat): string {
  return `/api/chat/sessions/${encodeURIComponent(id)}/export?format=${format}`
}

export function createConversationsApi(fetch: Fetch): ConversationsApi {
  const path = (id: string): string => `/api/chat/sessions/${encodeURIComponent(id)}`
  return {
    sessions(cursor, words = '') {
      const query = new URLSearchParams({ limit: String(PAGE_SIZE) })
      if (cursor !== null) query.set('cursor', cursor)
      if (words !== '') query.set('q', words)
      return getJson<SessionPage>(fetch, `/api/chat/sessions?${query}`)
    },
    async rename(id, title) {
      const response = await sendJson(fetch, 'PATCH', path(id), { title })
      return (await response.json()) as Session
    },
    async remove(id, leaving = false) {
      await request(fetch, path(id), { method: 'DELETE', keepalive: leaving })
    },
  }
}
