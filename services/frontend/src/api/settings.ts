/** The calls of the settings page. */

import { getJson, request, sendJson, type Fetch } from './http'
import type { Locality } from './types'

/** Null: what the server is set to. */
export interface Preferences {
  provider_order: string[] | null
  cloud_allowed: boolean | null
  hedging: boolean | null
}

export interface ProviderState {
  name: string
  model: string
  locality: Locality
  enabled: boolean
  healthy: boolean
  cooling_down: boolean
  last_error: string | null
}

export interface Fact {
  id: string
  text: string
  local_only: boolean
  told_in: { session_id: string; message_id: string } | null
  created_at: string
}

export interface FactPage {
  facts: Fact[]
  total: number
  next_cursor: string | null
}

export type KeyScope = 'chat' | 'admin'

export interface ApiKey {
  id: string
  name: string
  scope: KeyScope
  created_at: string
  expires_at: string | null
  last_used_at: string | null
}

export interface CreatedKey extends ApiKey {
  key: string
}

export interface Used {
  calls: number
  failed_calls: number
  input_tokens: number
  output_tokens: number
  cost_usd: number
  unpriced_calls: number
}

export interface Usage {
  day: string
  timezone: string
  resets_at: string
  today: Used
  month: Used
  today_by_provider: (Used & { provider: string; locality: Locality })[]
  quotas: { unit: 'messages' | 'tokens'; limit: number; used: number; remaining: number }[]
}

export function createSettingsApi(fetch: Fetch) {
  const path = encodeURIComponent
  return {
    preferences: () => getJson<Preferences>(fetch, '/api/memory/preferences'),
    async prefer(preferences: Preferences): Promise<Preferences> {
      const response = await sendJson(fetch, 'PUT', '/api/memory/preferences', preferences)
      return (await response.json()) as Preferences
    },
    providers: async () =>
      (await getJson<{ providers: ProviderState[] }>(fetch, '/api/chat/providers')).providers,
    facts(query: string, cursor: string | null) {
      const search = new URLSearchParams()
      if (query !== '') search.set('q', query)
      if (cursor !== null) search.set('cursor', cursor)
      return getJson<FactPage>(fetch, `/api/memory/facts?${search}`)
    },
    async remember(text: string, localOnly: boolean): Promise<void> {
      await sendJson(fetch, 'POST', '/api/memory/facts', { text, local_only: localOnly })
    },
    async forget(id: string): Promise<void> {
      await request(fetch, `/api/memory/facts/${path(id)}`, { method: 'DELETE' })
    },
    async forgetAll(): Promise<void> {
      await request(fetch, '/api/memory/facts', { method: 'DELETE' })
    },
    keys: async () => (await getJson<{ keys: ApiKey[] }>(fetch, '/api/auth/keys')).keys,
    async createKey(name: string, scope: KeyScope, days: number | null): Promise<CreatedKey> {
      const body = days === null ? { name, scope } : { name, scope, expires_in_days: days }
      return (await (await sendJson(fetch, 'POST', '/api/auth/keys', body)).json()) as CreatedKey
    },
    async revokeKey(id: string): Promise<void> {
      await request(fetch, `/api/auth/keys/${path(id)}`, { method: 'DELETE' })
    },
    usage: () => getJson<Usage>(fetch, '/api/usage'),
    async changePassword(current: string, next: string): Promise<void> {
      await sendJson(fetch, 'POST', '/api/auth/password', { current_password: current, new_password: next })
    },
    async signOutEverywhere(): Promise<void> {
      await sendJson(fetch, 'POST', '/api/auth/logout-everywhere', {})
    },
    async deleteConversations(): Promise<void> {
      await request(fetch, '/api/chat/data', { method: 'DELETE' })
    },
  }
}

export type SettingsApi = ReturnType<typeof createSettingsApi>
