/** Which addresses in an answer may become links. */

const ALLOWED: ReadonlySet<string> = new Set(['http:', 'https:', 'mailto:'])

/**
 * The address, if a click on it can do no more than open a page or a letter; null otherwise. A relative address is
 * refused too: a model knows none of this server's pages, and "#signin=..." or "#invite=..." would make the reader
 * another.
 */
export function safeHref(href: string): string | null {
  try {
    return ALLOWED.has(new URL(href).protocol) ? href : null
  } catch {
    return null
  }
}
