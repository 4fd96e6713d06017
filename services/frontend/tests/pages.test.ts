/** The pure parts of the pages beside the chat. */

import { describe, expect, it } from 'vitest'
import type { ActivityPoint } from '../src/api/operator'
import { fragmentOf, pageFragment, placeOf } from '../src/core/address'
import { chartsOf, isEmpty, stacked } from '../src/core/charts'
import { compact, money, moved, percent, seconds } from '../src/core/figures'
import { shortcutOf, type KeyLike } from '../src/core/shortcuts'
import { themeOf } from '../src/core/theme'
import { drawnRows } from '../src/core/window'

describe('an address', () => {
  it('names a page, a conversation, or a link', () => {
    expect(placeOf(pageFragment('settings'))).toEqual({ kind: 'page', page: 'settings' })
    expect(placeOf(pageFragment('operator'))).toEqual({ kind: 'page', page: 'operator' })
    expect(placeOf(fragmentOf('s 1'))).toEqual({ kind: 'chat', sessionId: 's 1' })
    expect(placeOf('#/settings/more')).toEqual({ kind: 'chat', sessionId: null })
    expect(placeOf('#invite=x')).toEqual({ kind: 'invite', token: 'x' })
  })
})

describe('the rows that are drawn', () => {
  it('are those in sight and a few beside them, however long the list is', () => {
    expect(drawnRows({ top: 0, height: 360 }, 36, 5_000)).toEqual([0, 18])
    expect(drawnRows({ top: 36_000, height: 360 }, 36, 5_000)).toEqual([992, 1_018])
    expect(drawnRows({ top: 179_640, height: 360 }, 36, 5_000)).toEqual([4_982, 5_000])
  })

  it('are none of a list that has become shorter than where it was scrolled to', () => {
    expect(drawnRows({ top: 36_000, height: 360 }, 36, 3)).toEqual([3, 3])
    expect(drawnRows({ top: 0, height: 360 }, 36, 0)).toEqual([0, 0])
  })
})

describe('a shortcut', () => {
  const key = (name: string, more: Partial<KeyLike> = {}): KeyLike => ({
    key: name,
    ctrlKey: false,
    metaKey: false,
    shiftKey: false,
    altKey: false,
    target: null,
    ...more,
  })

  it('is known by its keys, with Ctrl or with the Mac’s key', () => {
    expect(shortcutOf(key('k', { ctrlKey: true }))).toBe('search')
    expect(shortcutOf(key('K', { metaKey: true }))).toBe('search')
    expect(shortcutOf(key('O', { ctrlKey: true, shiftKey: true }))).toBe('newChat')
    expect(shortcutOf(key('?', { shiftKey: true }))).toBe('help')
  })

  it('is no other combination', () => {
    expect(shortcutOf(key('k'))).toBeNull()
    expect(shortcutOf(key('o', { ctrlKey: true }))).toBeNull()
    expect(shortcutOf(key('k', { ctrlKey: true, shiftKey: true }))).toBeNull()
    expect(shortcutOf(key('k', { ctrlKey: true, altKey: true }))).toBeNull()
    expect(shortcutOf(key('?', { ctrlKey: true }))).toBeNull()
  })

  it('leaves a character to who is writing', () => {
    const target = document.createElement('textarea')
    expect(shortcutOf(key('?', { target }))).toBeNull()
    expect(shortcutOf(key('k', { ctrlKey: true, target }))).toBe('search')
  })
})

describe('figures', () => {
  it('are short and say where nothing was measured', () => {
    expect([percent(null), percent(1), percent(0.9876)]).toEqual(['–', '100 %', '98.8 %'])
    expect([seconds(null), seconds(420), seconds(12_345)]).toEqual(['–', '420 ms', '12.3 s'])
    expect([money(0), money(0.0042), money(12.5)]).toEqual(['$0', '$0.0042', '$12.50'])
    expect(compact(12_345)).toBe('12.3K')
  })

  it('move in a list by one place, and not out of it', () => {
    expect(moved(['a', 'b', 'c'], 1, -1)).toEqual(['b', 'a', 'c'])
    expect(moved(['a', 'b', 'c'], 1, 1)).toEqual(['a', 'c', 'b'])
    expect(moved(['a', 'b'], 0, -1)).toEqual(['a', 'b'])
    expect(moved(['a', 'b'], 1, 1)).toEqual(['a', 'b'])
  })
})

it('a theme that nobody knows is the system’s', () => {
  expect([themeOf(null), themeOf('dark'), themeOf('pink')]).toEqual(['system', 'dark', 'system'])
})

describe('the operator’s charts', () => {
  const WORDS = {
    local: 'Local',
    cloud: 'Cloud',
    failed: 'Failed',
    fallbacks: 'Fallbacks',
    input: 'Read',
    output: 'Written',
    cost: 'US dollars',
  }
  const point = (at: string, rest: Partial<ActivityPoint> = {}): ActivityPoint => ({
    at,
    local: 0,
    cloud: 0,
    failed: 0,
    fallbacks: 0,
    input_tokens: 0,
    output_tokens: 0,
    cost_usd: 0,
    providers: {},
    ...rest,
  })
  const points = [
    point('2026-01-01T10:00:00Z', { local: 2, cloud: 1 }),
    point('2026-01-01T10:01:00Z', {
      failed: 1,
      providers: { gemini: { calls: 1, failed: 0, ttft_p50_ms: 500, ttft_p95_ms: 900 } },
    }),
  ]

  it('have a value for each point, and a line for each provider that was asked', () => {
    const charts = chartsOf(points, WORDS, (name) => name.toUpperCase())
    expect(charts.requests.times).toEqual([1_767_261_600, 1_767_261_660])
    expect(charts.requests.series.map((each) => each.values)).toEqual([[2, 0], [1, 0], [0, 1]])
    expect(charts.ttft.series).toEqual([{ name: 'GEMINI', tone: 'plain', values: [null, 0.5] }])
  })

  it('are stacked from the top down', () => {
    const { series } = chartsOf(points, WORDS, String).requests
    expect(stacked(series).map((each) => [each.tone, each.values])).toEqual([
      ['failed', [3, 1]],
      ['cloud', [3, 0]],
      ['local', [2, 0]],
    ])
  })

  it('are empty where nothing was counted', () => {
    const charts = chartsOf(points, WORDS, String)
    expect([isEmpty(charts.requests), isEmpty(charts.cost), isEmpty(charts.ttft)]).toEqual([false, true, false])
  })
})
