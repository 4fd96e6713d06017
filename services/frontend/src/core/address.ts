/** What the fragment of the page's address names. */

export type Place = { kind: 'chat'; sessionId: string | null } | { kind: 'signin'; token: string }

const CHAT = '#/chat/'
const SIGN_IN = '#signin='

export function placeOf(fragment: string): Place {
  if (fragment.startsWith(SIGN_IN)) return { kind: 'signin', token: decoded(fragment.slice(SIGN_IN.length)) }
  const sessionId = fragment.startsWith(CHAT) ? decoded(fragment.slice(CHAT.length)) : ''
  return { kind: 'chat', sessionId: sessionId || null }
}

export function fragmentOf(sessionId: string | null): string {
  return sessionId === null ? '#/' : CHAT + encodeURIComponent(sessionId)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
