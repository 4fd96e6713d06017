/** The calls of the operator's page. All of them are for admins. */

import { getJson, request, sendJson, type Fetch } from './http'
import type { Used } from './settings'
import type { Locality, Skipped, StoredAttempt } from './types'

export interface ProviderDetail {
  name: string
  model: string
  locality: Locality
  configured: boolean
  enabled: boolean
  circuit: 'closed' | 'half_open' | 'open'
  open_until: string | null
  last_error: string | null
  last_error_detail: string | null
  in_flight: number
  limit: number
  waiting: number
  cold: boolean | null
  succeeded: number
  failed: number
  cancelled: number
  success: number | null
  ttft_p50_ms: number | null
  ttft_p95_ms: number | null
  latency_p50_ms: number | null
  latency_p95_ms: number | null
}

export interface Looked {
  provider: string
  ok: boolean
  model: string | null
  version: string | null
  loaded: boolean | null
  took_ms: number
  findings: { level: 'ok' | 'skipped' | 'warning' | 'fault'; text: string; advice: string }[]
}

export interface ActivityPoint {
  at: string
  local: number
  cloud: number
  failed: number
  fallbacks: number
  input_tokens: number
  output_tokens: number
  cost_usd: number
  providers: Record<
    string,
    { calls: number; failed: number; ttft_p50_ms: number | null; ttft_p95_ms: number | null }
  >
}

/** A turn that its first choice did not answer, with its way: whoever's it was, and nothing of what was said. */
export interface FallbackTurn {
  at: string
  request_id: string
  trace_id: string | null
  message_id: string | null
  mine: boolean
  status: string
  first_choice: string | null
  reason: string | null
  provider: string | null
  locality: Locality | null
  took_ms: number
  cost_usd: number | null
  attempts: (StoredAttempt & { input_tokens: number; output_tokens: number; estimated: boolean })[]
  skipped: Skipped[]
}

export interface Activity {
  since: string
  step_minutes: number
  points: ActivityPoint[]
  fallbacks: FallbackTurn[]
}

export interface Setting {
  name: string
  value: string | null
  source: 'environment' | 'env_file' | 'file' | 'launcher' | 'default'
  secret: boolean
  given: boolean
  meaning: string
}

export interface Configuration {
  service: string
  settings: Setting[]
}

export interface Account {
  id: string
  name: string | null
  role: string
  created_at: string
  disabled_at: string | null
  last_sign_in_at: string | null
  has_password: boolean
}

export interface AccountPage {
  users: Account[]
  total: number
  next_cursor: string | null
}

export interface Ticket {
  id: string
  token: string
  path: string
  expires_at: string
}

export interface Invitation {
  id: string
  role: string
  created_at: string
  expires_at: string
}

export function createOperatorApi(fetch: Fetch) {
  const path = encodeURIComponent
  const operations = '/api/admin/operations'
  return {
    providers: async (minutes: number) =>
      (await getJson<{ providers: ProviderDetail[] }>(fetch, `${operations}/providers?minutes=${minutes}`)).providers,
    async check(provider: string): Promise<Looked> {
      const response = await sendJson(fetch, 'POST', `${operations}/providers/${path(provider)}/check`, {})
      return (await response.json()) as Looked
    },
    /** Let its model be loaded; it is there some time later. */
    async load(provider: string): Promise<void> {
      await sendJson(fetch, 'POST', `${operations}/providers/${path(provider)}/load`, {})
    },
    activity: (minutes: number, step: number) =>
      getJson<Activity>(fetch, `${operations}/activity?minutes=${minutes}&step=${step}`),
    configuration: () =>
      Promise.all([
        getJson<Configuration>(fetch, '/api/admin/configuration'),
        getJson<Configuration>(fetch, `${operations}/configuration`),
      ]),
    users(query: string, cursor: string | null) {
      const search = new URLSearchParams()
      if (query !== '') search.set('q', query)
      if (cursor !== null) search.set('cursor', cursor)
      return getJson<AccountPage>(fetch, `/api/admin/users?${search}`)
    },
    async change(id: string, change: { role?: string; disabled?: boolean }): Promise<Account> {
      return (await (await sendJson(fetch, 'PATCH', `/api/admin/users/${path(id)}`, change)).json()) as Account
    },
    async reset(id: string): Promise<Ticket> {
      return (await (await sendJson(fetch, 'POST', `/api/admin/users/${path(id)}/reset`, {})).json()) as Ticket
    },
    invitations: async () =>
      (await getJson<{ invitations: Invitation[] }>(fetch, '/api/admin/invitations')).invitations,
    async invite(role: string, hours: number): Promise<Ticket> {
      const body = { role, expires_in_hours: hours }
      return (await (await sendJson(fetch, 'POST', '/api/admin/invitations', body)).json()) as Ticket
    },
    async revoke(id: string): Promise<void> {
      await request(fetch, `/api/admin/invitations/${path(id)}`, { method: 'DELETE' })
    },
    /** What each user has used in this month, by their id. */
    async usage(): Promise<Map<string, Used>> {
      const table = await getJson<{ rows: (Used & { user: string })[] }>(fetch, '/api/admin/usage?group=user')
      return new Map(table.rows.map((row) => [row.user, row]))
    },
  }
}

export type OperatorApi = ReturnType<typeof createOperatorApi>
