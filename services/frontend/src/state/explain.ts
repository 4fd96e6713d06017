/** What a person can do with an error, in words. */

import { Problem, Unreachable } from '../api/http'
import { t } from '../strings'

export function explain(error: unknown): string {
  if (error instanceof Unreachable) return t.composer.offline
  if (error instanceof Problem) return error.detail || error.message || t.composer.unexpected(error.status)
  return t.composer.offline
}
