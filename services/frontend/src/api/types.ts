/** What crosses the wire between the gateway and this page. */

export type Locality = 'local' | 'cloud'

export type MessageStatus = 'complete' | 'stopped' | 'interrupted' | 'failed' | 'fallback' | 'running'

export type AttemptState =
  'queued' | 'connecting' | 'loading' | 'streaming' | 'failed' | 'skipped' | 'succeeded' | 'cancelled'

export interface User {
  user_id: string
  name: string | null
  role: string
  has_password: boolean
}

export interface Session {
  id: string
  user_id: string
  title: string | null
  status: string
  local_only: boolean
  model_name: string | null
  created_at: string
  ended_at: string | null
}

export interface SessionPage {
  sessions: Session[]
  total: number
  next_cursor: string | null
}

export interface Prompt {
  id: string
  parent_id: string | null
  session_id: string
  user_id: string
  input_text: string
  output_text: string | null
  tokens_used: number | null
  latency_ms: number | null
  created_at: string
  provider: string | null
  model: string | null
  locality: Locality | null
  status: MessageStatus
}

export interface History {
  session_id: string
  prompts: Prompt[]
  total: number
}

/** One attempt of a stored answer. The times are milliseconds on one clock that all attempts of a message share. */
export interface StoredAttempt {
  attempt: number
  provider: string
  model: string
  locality: Locality
  /** Null while it runs. */
  outcome: 'succeeded' | 'failed' | 'cancelled' | null
  reason: string | null
  sent: boolean
  started_ms: number
  first_token_ms: number | null
  ended_ms: number | null
}

export interface Skipped {
  provider: string
  model: string
  locality: Locality
  reason: string
}

export interface StoredHandoff {
  from: string
  to: string
  /** In characters of the answer. */
  at: number
  reason: string
}

export interface StoredRoute {
  message_id: string
  status: MessageStatus
  attempts: StoredAttempt[]
  skipped: Skipped[]
  handoffs: StoredHandoff[]
  cost_usd: number | null
}

/** What may go to a cloud provider once a conversation is not locked, in messages. */
export interface Sendable {
  messages: number
  /** Those that their own mark keeps here. */
  stay_local: number
}

export interface LockState {
  local_only: boolean
  sendable: Sendable
}

/** A session after it was locked or unlocked. */
export interface LockChange extends Session {
  cut_off?: { message_id: string; provider: string; model: string }[]
  sendable?: Sendable
}

export type Lock = 'deployment' | 'user' | 'session' | 'message'

/** What a message would get now. */
export interface Explained {
  locks: Lock[]
  attempts: { provider: string; model: string; locality: Locality; on_this_machine?: boolean }[]
  skipped: Skipped[]
}
