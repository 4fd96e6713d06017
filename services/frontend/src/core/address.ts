/** What the fragment of the page's address names. */

/** A token that a link carries: to sign in, to register by an invitation, or to set a new password. */
export type LinkKind = 'signin' | 'invite' | 'reset'

/** The pages beside the chat. */
export type PageName = 'settings' | 'operator'

export type Place =
  | { kind: 'chat'; sessionId: string | null }
  | { kind: 'page'; page: PageName }
  | { kind: LinkKind; token: string }

const CHAT = '#/chat/'
const LINKS: readonly LinkKind[] = ['signin', 'invite', 'reset']
const PAGES: readonly PageName[] = ['settings', 'operator']

export function placeOf(fragment: string): Place {
  for (const kind of LINKS) {
    const start = `#${kind}=`
    if (fragment.startsWith(start)) return { kind, token: decoded(fragment.slice(start.length)) }
  }
  const page = PAGES.find((name) => fragment === pageFragment(name))
  if (page !== undefined) return { kind: 'page', page }
  const sessionId = fragment.startsWith(CHAT) ? decoded(fragment.slice(CHAT.length)) : ''
  return { kind: 'chat', sessionId: sessionId || null }
}

export function fragmentOf(sessionId: string | null): string {
  return sessionId === null ? '#/' : CHAT + encodeURIComponent(sessionId)
}

export function pageFragment(page: PageName): string {
  return `#/${page}`
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
