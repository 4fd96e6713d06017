/** What a person can do with an error, in words. */

import { Problem, Unreachable } from '../api/http'
import { t } from '../strings'

/** How the server says that a message is too long. */
const TOO_LONG = /^message has (\d+) characters; (\d+) are allowed\.$/
const TOO_LARGE = 413

const grouped = (digits: string): string => Number(digits).toLocaleString('en')

export function explain(error: unknown): string {
  if (error instanceof Unreachable) return t.composer.offline
  if (error instanceof Problem && error.status === TOO_LARGE) return t.composer.tooLarge
  const [, length, limit] = (error instanceof Problem && TOO_LONG.exec(error.detail)) || []
  if (length && limit) return t.composer.tooLong(grouped(length), grouped(limit))
  if (error instanceof Problem) return error.detail || error.message || t.composer.unexpected(error.status)
  return t.composer.offline
}
