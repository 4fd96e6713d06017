/** Why an attempt failed, and why a provider was skipped. */

import type { ReasonTexts } from '../core/reasons'

export const reasons: ReasonTexts = {
  connect_refused: 'Nothing was listening at its address.',
  connect_timeout: 'It could not be reached in time.',
  dns: 'Its host name could not be found.',
  tls: 'A secure connection to it could not be made.',
  reset: 'The connection broke before it said anything.',
  first_token_timeout: 'It did not begin to answer in time.',
  stalled: 'It fell silent in the middle of the answer.',
  truncated: 'Its answer broke off before the end.',
  total_timeout: 'The answer took longer than is allowed.',
  rate_limited: 'It had too many requests and asked for a pause.',
  quota_exhausted: 'Its quota is used up for now.',
  billing: 'Its account has a billing problem.',
  auth: 'It did not accept the key.',
  model_missing: 'It does not have this model.',
  context_too_long: 'The conversation is too long for this model.',
  invalid_request: 'It could not accept the request.',
  blocked: 'Its safety filter held the answer back.',
  refused: 'The model declined to answer.',
  empty: 'It answered with nothing.',
  malformed: 'Its answer could not be read.',
  overloaded: 'It had too much to do.',
  server_error: 'It reported an error of its own.',
  cancelled: 'It was stopped.',
  not_configured: 'It is not set up.',
  disabled: 'It is switched off.',
  cloud_disabled: 'The cloud is switched off on this server.',
  local_only: 'This conversation stays on this machine.',
  preference: 'Your preferences leave it out.',
  cooling_down: 'It failed a moment ago and is left alone for a while.',
  busy: 'It was busy with other answers.',
  cold: 'Its model was not loaded yet.',
  over_budget: 'Its budget for today is used up.',
  not_requested: 'It was not asked for.',
  prompt_too_long: 'The conversation is too long for this model.',
}

export const unknownReason = (reason: string): string => `It gave the reason "${reason}".`
