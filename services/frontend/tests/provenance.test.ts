import { describe, expect, it } from 'vitest'
import { boundary } from '../src/core/announce'
import { chipOf, liveTrail, storedTrail, whyKeptLocal } from '../src/core/provenance'
import { storedTurn, type TurnEvent } from '../src/core/turn'
import { DONE, GEMINI, START, delta, prompt, route, storedAttempt, storedRoute, turnAfter } from './make'

const FAILED = route({ state: 'failed', reason: 'connect_refused' })
const GEMINI_SPEAKS = route({ attempt: 2, ...GEMINI, state: 'streaming' })
const GEMINI_DONE = route({ attempt: 2, ...GEMINI, state: 'succeeded' })

describe('the chip', () => {
  it('says from the first moment who is being asked', () => {
    const wait = (...events: TurnEvent[]) => chipOf(turnAfter(START, ...events), null)
    expect(wait()).toMatchObject({ kind: 'waiting', wait: 'choosing' })
    expect(wait(route({ state: 'queued' }))).toMatchObject({ wait: 'queued', provider: 'Ollama' })
    expect(wait(route())).toMatchObject({ wait: 'connecting', provider: 'Ollama' })
    expect(wait(route({ state: 'loading' }))).toMatchObject({ wait: 'loading', model: 'llama3.2:3b' })
    expect(wait(FAILED)).toMatchObject({ wait: 'next', provider: 'Ollama' })
  })

  it('names who answers with the first word, and the time with the last', () => {
    expect(chipOf(turnAfter(route({ state: 'streaming' }), delta('B')), null)).toEqual({
      kind: 'answered',
      locality: 'local',
      network: false,
      provider: 'Ollama',
      model: 'llama3.2:3b',
      fallback: null,
      waitedMs: null,
      latencyMs: null,
    })
    expect(chipOf(turnAfter(route({ state: 'succeeded' }), DONE), null)).toMatchObject({ latencyMs: 2_100 })
  })

  it('says fallback when another provider failed before', () => {
    expect(chipOf(turnAfter(FAILED, GEMINI_SPEAKS), null)).toMatchObject({
      locality: 'cloud',
      provider: 'Gemini',
      model: 'gemini-2.5-flash',
      fallback: { provider: 'Ollama', reason: 'connect_refused', midway: false },
    })
  })

  it('says that another one had begun, where the answer was handed on', () => {
    const handoff = { type: 'handoff', from: 'ollama', to: 'gemini', at: 2, reason: 'stalled' } as const
    const broke = route({ state: 'failed', reason: 'stalled' })
    expect(chipOf(turnAfter(route({ state: 'streaming' }), delta('Be'), broke, handoff, GEMINI_SPEAKS), null)).toMatchObject(
      { fallback: { provider: 'Ollama', reason: 'stalled', midway: true } },
    )
  })

  it('tells the place in the line while it waits for a slot, and forgets it afterwards', () => {
    const queued = [{ type: 'queue', place: 2 } as const, route({ attempt: 0, state: 'queued' })]
    expect(chipOf(turnAfter(START, ...queued), null)).toMatchObject({ wait: 'queued', provider: 'Ollama', place: 2 })
    expect(chipOf(turnAfter(START, ...queued, route()), null)).toMatchObject({ wait: 'connecting', place: 0 })
    expect(liveTrail(turnAfter(START, ...queued, route())).steps).toHaveLength(1)
  })

  it('tells how long the first word took while the answer runs', () => {
    const turn = turnAfter(route({ state: 'streaming' }), { type: 'spoke', afterMs: 900 }, delta('B'))
    expect(chipOf(turn, null)).toMatchObject({ waitedMs: 900, latencyMs: null })
  })

  it('says of a local model in the network that it is not on this machine', () => {
    expect(chipOf(turnAfter(route({ state: 'streaming', sent: true })), null)).toMatchObject({ network: true })
  })

  it('does not say fallback when another failed to go on for it', () => {
    const broke = [route({ state: 'streaming' }), delta('Be'), route({ state: 'failed', reason: 'truncated' })]
    const refused = route({ attempt: 2, ...GEMINI, state: 'failed', reason: 'invalid_request' })
    const turn = turnAfter(START, ...broke, refused, { type: 'error', message: 'It broke off.' })
    expect(chipOf(turn, null)).toMatchObject({ kind: 'answered', provider: 'Ollama', fallback: null })
  })

  it('does not say fallback when the same provider was asked twice', () => {
    const again = route({ attempt: 2, state: 'streaming' })
    expect(chipOf(turnAfter(FAILED, again), null)).toMatchObject({ fallback: null })
  })

  it('says fallback when a local provider was passed over for the cloud, but not when it was never meant to answer', () => {
    const without = (reason: string) =>
      chipOf(turnAfter(route({ attempt: 0, state: 'skipped', reason }), GEMINI_SPEAKS), null)
    expect(without('cooling_down')).toMatchObject({ fallback: { provider: 'Ollama', reason: 'cooling_down' } })
    expect(without('not_configured')).toMatchObject({ fallback: null })
  })

  it('learns from the stored decision what a stored answer does not tell', () => {
    const turn = storedTurn(prompt({ provider: 'gemini', model: 'gemini-2.5-flash', locality: 'cloud' }))
    const failed = storedAttempt({ outcome: 'failed', reason: 'stalled' })
    expect(chipOf(turn, null)).toMatchObject({ fallback: null })
    expect(chipOf(turn, storedRoute({ attempts: [failed, storedAttempt({ attempt: 2, ...GEMINI })] }))).toMatchObject(
      { fallback: { provider: 'Ollama', reason: 'stalled' } },
    )
  })

  it('names nobody where nobody answered', () => {
    const nobody = { provider: null, model: null, locality: null }
    expect(chipOf(storedTurn(prompt({ ...nobody, status: 'fallback' })), null).kind).toBe('failed')
    expect(chipOf(storedTurn(prompt({ ...nobody, status: 'failed' })), null).kind).toBe('failed')
    const stopped = { ...nobody, status: 'stopped', output_text: '' } as const
    expect(chipOf(storedTurn(prompt(stopped)), null)).toEqual({ kind: 'silent', said: false })
    const cut = { ...nobody, status: 'interrupted', output_text: 'Be' } as const
    expect(chipOf(storedTurn(prompt(cut)), null)).toEqual({ kind: 'silent', said: true })
  })
})

describe('the trail', () => {
  it('lists the attempts in order, then who was left out and why', () => {
    const failed = storedAttempt({
      outcome: 'failed',
      reason: 'first_token_timeout',
      first_token_ms: null,
      ended_ms: 2_000,
    })
    const answered = storedAttempt({
      attempt: 2,
      ...GEMINI,
      started_ms: 2_010,
      first_token_ms: 2_400,
      ended_ms: 3_400,
    })
    const openai = { provider: 'openai', model: 'gpt-4.1', locality: 'cloud', reason: 'not_configured' } as const
    const trail = storedTrail(storedRoute({ attempts: [answered, failed], skipped: [openai], cost_usd: 0.0004 }), '')
    expect(trail.steps.map((step) => [step.provider, step.state, step.reason, step.startMs, step.endMs])).toEqual([
      ['Ollama', 'failed', 'first_token_timeout', 0, 2_000],
      ['Gemini', 'succeeded', null, 2_010, 3_400],
      ['OpenAI', 'skipped', 'not_configured', null, null],
    ])
    expect(trail).toMatchObject({ firstTokenMs: 2_400, costUsd: 0.0004, sentTo: [{ provider: 'Gemini', locality: 'cloud' }] })
  })

  it('counts from the first attempt, whatever clock the server used', () => {
    const late = storedAttempt({ started_ms: 50_000, first_token_ms: 50_400, ended_ms: 52_100 })
    expect(storedTrail(storedRoute({ attempts: [late] }), '')).toMatchObject({
      firstTokenMs: 400,
      steps: [{ startMs: 0, endMs: 2_100 }],
    })
  })

  it('names everyone whom the conversation was sent to, also those who failed, once each', () => {
    const trail = liveTrail(
      turnAfter(
        route({ ...GEMINI, state: 'failed', reason: 'stalled' }),
        route({ attempt: 2, ...GEMINI, state: 'failed', reason: 'stalled' }),
        route({ attempt: 3, provider: 'openai', model: 'gpt-4.1', locality: 'cloud', sent: true }),
      ),
    )
    expect(trail.sentTo.map((each) => each.provider)).toEqual(['Gemini', 'OpenAI'])
  })

  it('says who wrote which part of an answer that was handed on, in characters', () => {
    const handoffs = [{ from: 'ollama', to: 'gemini', at: 3, reason: 'stalled' }]
    expect(storedTrail(storedRoute({ handoffs }), 'a😀b and c').parts).toEqual([
      { provider: 'Ollama', from: 0, to: 3 },
      { provider: 'Gemini', from: 3, to: 9 },
    ])
    const anew = [{ from: 'ollama', to: 'gemini', at: 0, reason: 'stalled' }]
    expect(storedTrail(storedRoute({ handoffs: anew }), 'abc').parts).toEqual([{ provider: 'Gemini', from: 0, to: 3 }])
    expect(storedTrail(storedRoute(), 'abc').parts).toEqual([])
  })

  it('names the lock that kept the cloud out where nobody answered', () => {
    const left = (locality: 'local' | 'cloud', reason: string) =>
      whyKeptLocal(turnAfter(route({ attempt: 0, locality, state: 'skipped', reason }), FAILED), null)
    expect(left('cloud', 'local_only')).toBe('local_only')
    expect(left('cloud', 'cloud_disabled')).toBe('cloud_disabled')
    expect(left('cloud', 'cooling_down')).toBeNull()
    expect(left('local', 'local_only')).toBeNull()
  })

  it('stands without an attempt', () => {
    expect(storedTrail(storedRoute({ attempts: [] }), '')).toMatchObject({ steps: [], firstTokenMs: null, sentTo: [] })
  })
})

describe('what is announced', () => {
  const said = (before: TurnEvent[], next: TurnEvent) => boundary(turnAfter(...before), turnAfter(...before, next))

  it('is who answers, once, and never the words', () => {
    expect(said([route()], route({ state: 'streaming' }))).toBe('Answering with Ollama (local).')
    expect(said([route({ state: 'streaming' })], delta('Because.'))).toBeNull()
    expect(said([route({ state: 'streaming' })], route({ state: 'succeeded' }))).toBeNull()
  })

  it('is who failed and who answers in their place', () => {
    expect(said([FAILED, route({ attempt: 2, ...GEMINI })], GEMINI_SPEAKS)).toBe(
      'Ollama failed, answering with Gemini (cloud).',
    )
  })

  it('is that the connection was lost, and that it is there again', () => {
    expect(said([START], { type: 'away' })).toContain('Connection lost')
    expect(said([START, { type: 'away' }], { type: 'back' })).toBe('Connected again.')
    expect(said([], { type: 'away' })).toContain('Not sent yet')
  })

  it('is how the answer ended', () => {
    expect(said([GEMINI_DONE], DONE)).toBe('Answer complete.')
    expect(said([GEMINI_SPEAKS], { type: 'stop' })).toBe('Stopping.')
    expect(said([GEMINI_SPEAKS, { type: 'stop' }], DONE)).toBe('Answer stopped.')
    expect(said([GEMINI_SPEAKS], { type: 'lost' })).toBe('Answer interrupted.')
    expect(said([FAILED], DONE)).toBe('No provider answered.')
    // A failed answer is an alert of its own, and nothing is being generated any more.
    expect(said([], { type: 'error', message: 'Something broke.' })).toBe('')
  })
})
