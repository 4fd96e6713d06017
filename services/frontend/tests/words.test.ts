import { describe, expect, it } from 'vitest'
import { fragmentOf, placeOf } from '../src/core/address'
import { decodeEntities } from '../src/core/entities'
import { ageOf, byAge, dollars, duration } from '../src/core/format'
import { safeHref } from '../src/core/links'
import { modelName, providerName } from '../src/core/providers'
import { inWords, reasonText } from '../src/core/reasons'
import { t } from '../src/strings'

describe('the catalogue of reasons', () => {
  const CLOSED_LIST =
    'connect_refused connect_timeout dns tls reset first_token_timeout stalled truncated total_timeout rate_limited ' +
    'quota_exhausted billing auth model_missing context_too_long invalid_request blocked refused empty malformed ' +
    'overloaded server_error cancelled not_configured disabled cloud_disabled local_only preference cooling_down busy ' +
    'cold over_budget not_requested prompt_too_long'

  it('has a sentence for every reason and for nothing else', () => {
    expect(Object.keys(t.reasons).sort()).toEqual(CLOSED_LIST.split(' ').sort())
    for (const sentence of Object.values(t.reasons)) expect(sentence).toMatch(/^[A-Z][^_]+\.$/)
  })

  it('says the reason in a sentence of the server in words, and once', () => {
    const said = (sentence: string) => inWords(sentence, t.briefReasons)
    expect(said('The answer broke off (stalled). It is kept.')).toBe('The answer broke off (fell silent). It is kept.')
    expect(said('The answer broke off (truncated). It is kept.')).toBe('The answer broke off. It is kept.')
    expect(said('Ask somebody (soon), or not (sunspots).')).toBe('Ask somebody (soon), or not (sunspots).')
  })

  it('shows a reason that it does not know as it is', () => {
    expect(reasonText(t.reasons, 'tls', t.unknownReason)).toBe(t.reasons.tls)
    expect(reasonText(t.reasons, 'sunspots', t.unknownReason)).toContain('sunspots')
    expect(reasonText(t.reasons, 'toString', t.unknownReason)).toContain('toString')
  })
})

describe('links in an answer', () => {
  it('may open pages and letters', () => {
    expect(safeHref('https://example.org/a?b#c')).toBe('https://example.org/a?b#c')
    expect(safeHref('mailto:a@example.org')).toBe('mailto:a@example.org')
  })

  it.each([
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'java\nscript:alert(1)',
    ' javascript:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:x',
    'blob:https://example.org/1',
    'file:///etc/passwd',
    '#signin=another-persons-token',
    '#invite=somebodys-token',
    '/api/auth/me',
    '//example.org',
    '',
  ])('may not be %j', (href) => {
    expect(safeHref(href)).toBeNull()
  })
})

describe('character references', () => {
  it('become the characters that they stand for', () => {
    expect(decodeEntities('a &amp; b &lt;c&gt; &#39;d&#x27; &nbsp;&rarr;')).toBe("a & b <c> 'd' \u00a0→")
  })

  it('stay as they are when nobody knows them', () => {
    expect(decodeEntities('&nosuch; &constructor; AT&T & co')).toBe('&nosuch; &constructor; AT&T & co')
  })

  it('never become half a character', () => {
    expect(decodeEntities('&#0;&#xd800;&#x110000;')).toBe('\ufffd\ufffd\ufffd')
  })
})

describe('numbers and names', () => {
  it('reads a duration with the precision that matters', () => {
    expect([0, 340, 9_990, 12_345, 83_000].map(duration)).toEqual(['< 0.1 s', '0.3 s', '10.0 s', '12 s', '1 min 23 s'])
  })

  it('reads a small price with its first two figures', () => {
    expect([1.5, 0.0123, 0.000423].map(dollars)).toEqual(['$1.50', '$0.01', '$0.00042'])
  })

  it('writes a provider as its makers do, and any other row as it was named', () => {
    expect(['openai', 'groq', 'toString'].map(providerName)).toEqual(['OpenAI', 'groq', 'toString'])
    expect(modelName('models/gemini-2.5-flash')).toBe('gemini-2.5-flash')
  })

  it('joins names as a sentence does', () => {
    expect(t.trail.sent(['Gemini'])).toBe('This conversation was sent to Gemini.')
    expect(t.trail.sent(['Gemini', 'OpenAI', 'x'])).toBe('This conversation was sent to Gemini, OpenAI and x.')
  })
})

describe('the age of a conversation', () => {
  const now = new Date(2026, 4, 20, 9, 0)
  const ago = (days: number, hour = 8) => new Date(2026, 4, 20 - days, hour).toISOString()

  it('follows the calendar of the reader', () => {
    expect([ago(0), ago(1, 23), ago(2), ago(7), ago(8)].map((each) => ageOf(each, now))).toEqual([
      'today',
      'yesterday',
      'week',
      'week',
      'older',
    ])
    expect(ageOf('not a date', now)).toBe('today')
  })

  it('groups neighbours and names no group twice', () => {
    const groups = byAge([ago(0), ago(9), ago(1), ago(10)], (each) => each, now)
    expect(groups.map(([age, items]) => [age, items.length])).toEqual([
      ['today', 1],
      ['older', 3],
    ])
  })
})

describe('the address', () => {
  it('names a conversation, a sign-in link, or a new chat', () => {
    expect(placeOf('#/chat/0198-a')).toEqual({ kind: 'chat', sessionId: '0198-a' })
    expect(placeOf('#signin=a%2Bb')).toEqual({ kind: 'signin', token: 'a+b' })
    for (const fragment of ['', '#', '#/', '#/chat/', '#elsewhere']) {
      expect(placeOf(fragment)).toEqual({ kind: 'chat', sessionId: null })
    }
  })

  it('finds again what it has named', () => {
    for (const id of ['0198-a', 'a/b?c#d%', null]) {
      expect(placeOf(fragmentOf(id))).toEqual({ kind: 'chat', sessionId: id })
    }
    expect(placeOf('#/chat/%E0%A4%A')).toEqual({ kind: 'chat', sessionId: '%E0%A4%A' })
  })
})
