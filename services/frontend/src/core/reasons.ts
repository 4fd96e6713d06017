/** Why an attempt failed and why a provider was skipped: the closed list of reasons, in plain words. */

export type Reason =
  | 'connect_refused'
  | 'connect_timeout'
  | 'dns'
  | 'tls'
  | 'reset'
  | 'first_token_timeout'
  | 'stalled'
  | 'truncated'
  | 'total_timeout'
  | 'rate_limited'
  | 'quota_exhausted'
  | 'billing'
  | 'auth'
  | 'model_missing'
  | 'context_too_long'
  | 'invalid_request'
  | 'blocked'
  | 'refused'
  | 'empty'
  | 'malformed'
  | 'overloaded'
  | 'server_error'
  | 'cancelled'

export type SkipReason =
  | 'not_configured'
  | 'disabled'
  | 'cloud_disabled'
  | 'local_only'
  | 'preference'
  | 'cooling_down'
  | 'busy'
  | 'cold'
  | 'over_budget'
  | 'not_requested'
  | 'prompt_too_long'

export type ReasonTexts = Readonly<Record<Reason | SkipReason, string>>

/** Skips that pass by themselves: the provider would have been asked at another moment. */
const PASSING: ReadonlySet<string> = new Set<SkipReason>(['cooling_down', 'busy', 'cold', 'over_budget'])

export function isPassing(reason: string | null): boolean {
  return reason !== null && PASSING.has(reason)
}

/** A sentence of the server's, with the reason that it names in brackets in plain words. */
export function inWords(sentence: string, brief: ReasonTexts): string {
  return sentence.replace(/ \(([a-z_]+)\)/, (found, reason: string) => {
    // That is what the sentence around it says already.
    if (reason === 'truncated') return ''
    return Object.hasOwn(brief, reason) ? ` (${brief[reason as Reason | SkipReason]})` : found
  })
}

export function reasonText(texts: ReasonTexts, reason: string, unknown: (reason: string) => string): string {
  return Object.hasOwn(texts, reason) ? texts[reason as Reason | SkipReason] : unknown(reason)
}
