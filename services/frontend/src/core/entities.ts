/** Character references, decoded without an HTML parser. The names are those that models write. */

const NAMED: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\u00a0',
  ndash: '–',
  mdash: '—',
  hellip: '…',
  lsquo: '‘',
  rsquo: '’',
  ldquo: '“',
  rdquo: '”',
  bull: '•',
  middot: '·',
  times: '×',
  divide: '÷',
  plusmn: '±',
  deg: '°',
  le: '≤',
  ge: '≥',
  ne: '≠',
  larr: '←',
  rarr: '→',
  copy: '©',
  reg: '®',
  trade: '™',
  euro: '€',
}

function point(code: number): string {
  const valid = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff)
  return String.fromCodePoint(valid ? code : 0xfffd)
}

/** The text with its character references decoded; an unknown name stays as it is. */
export function decodeEntities(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z][a-z0-9]{1,9}));/gi, (whole, hex, decimal, name) => {
    if (hex !== undefined) return point(Number.parseInt(hex, 16))
    if (decimal !== undefined) return point(Number.parseInt(decimal, 10))
    return Object.hasOwn(NAMED, name) ? (NAMED[name] as string) : whole
  })
}
