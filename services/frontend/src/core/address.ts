/** What the fragment of the page's address names. */

/** A token that a link carries: to sign in, to register by an invitation, or to set a new password. */
export type LinkKind = 'signin' | 'invite' | 'reset'

export type Place = { kind: 'chat'; sessionId: string | null } | { kind: LinkKind; token: string }

const CHAT = '#/chat/'
const LINKS: readonly LinkKind[] = ['signin', 'invite', 'reset']

export function placeOf(fragment: string): Place {
  for (const kind of LINKS) {
    const start = `#${kind}=`
    if (fragment.startsWith(start)) return { kind, token: decoded(fragment.slice(start.length)) }
  }
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
