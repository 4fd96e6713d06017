import { describe, expect, it } from 'vitest'
import { boundary } from '../src/core/announce'
import { chipOf, liveTrail, storedTrail } from '../src/core/provenance'
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
      provider: 'Ollama',
      model: 'llama3.2:3b',
      fallback: false,
      latencyMs: null,
    })
    expect(chipOf(turnAfter(route({ state: 'succeeded' }), DONE), null)).toMatchObject({ latencyMs: 2_100 })
  })

  it('says fallback when another provider failed before', () => {
    expect(chipOf(turnAfter(FAILED, GEMINI_SPEAKS), null)).toMatchObject({
      locality: 'cloud',
      provider: 'Gemini',
      model: 'gemini-2.5-flash',
      fallback: true,
    })
  })

  it('does not say fallback when the same provider was asked twice', () => {
    const again = route({ attempt: 2, state: 'streaming' })
    expect(chipOf(turnAfter(FAILED, again), null)).toMatchObject({ fallback: false })
  })

  it('says fallback when a local provider was passed over for the cloud, but not when it was never meant to answer', () => {
    const without = (reason: string) =>
      chipOf(turnAfter(route({ attempt: 0, state: 'skipped', reason }), GEMINI_SPEAKS), null)
    expect(without('cooling_down')).toMatchObject({ fallback: true })
    expect(without('not_configured')).toMatchObject({ fallback: false })
  })

  it('learns from the stored decision what a stored answer does not tell', () => {
    const turn = storedTurn(prompt({ provider: 'gemini', model: 'gemini-2.5-flash', locality: 'cloud' }))
    const failed = storedAttempt({ outcome: 'failed', reason: 'stalled' })
    expect(chipOf(turn, null)).toMatchObject({ fallback: false })
    expect(chipOf(turn, storedRoute({ attempts: [failed, storedAttempt({ attempt: 2, ...GEMINI })] }))).toMatchObject(
      {
        fallback: true,
      },
    )
  })

  it('names nobody where nobody answered', () => {
    const nobody = { provider: null, model: null, locality: null }
    expect(chipOf(storedTurn(prompt({ ...nobody, status: 'fallback' })), null).kind).toBe('failed')
    expect(chipOf(storedTurn(prompt({ ...nobody, status: 'failed' })), null).kind).toBe('failed')
    expect(chipOf(storedTurn(prompt({ ...nobody, status: 'stopped' })), null).kind).toBe('silent')
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
    const trail = storedTrail(storedRoute({ attempts: [answered, failed], skipped: [openai], cost_usd: 0.0004 }))
    expect(trail.steps.map((step) => [step.provider, step.state, step.reason, step.startMs, step.endMs])).toEqual([
      ['Ollama', 'failed', 'first_token_timeout', 0, 2_000],
      ['Gemini', 'succeeded', null, 2_010, 3_400],
      ['OpenAI', 'skipped', 'not_configured', null, null],
    ])
    expect(trail).toMatchObject({ firstTokenMs: 2_400, costUsd: 0.0004, sentTo: ['Gemini'] })
  })

  it('counts from the first attempt, whatever clock the server used', () => {
    const late = storedAttempt({ started_ms: 50_000, first_token_ms: 50_400, ended_ms: 52_100 })
    expect(storedTrail(storedRoute({ attempts: [late] }))).toMatchObject({
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
    expect(trail.sentTo).toEqual(['Gemini', 'OpenAI'])
  })

  it('stands without an attempt', () => {
    expect(storedTrail(storedRoute({ attempts: [] }))).toMatchObject({ steps: [], firstTokenMs: null, sentTo: [] })
  })
})

describe('what is announced', () => {
  const said = (before: TurnEvent[], next: TurnEvent) => boundary(turnAfter(...before), turnAfter(...before, next))

  it('is who answers, once, and never the words', () => {
    expect(said([route()], route({ state: 'streaming' }))).toBe('Answering with Ollama (local).')
    expect(said([route({ state: 'streaming' })], delta('Because.'))).toBe('')
    expect(said([route({ state: 'streaming' })], route({ state: 'succeeded' }))).toBe('')
  })

  it('is who failed and who answers in their place', () => {
    expect(said([FAILED, route({ attempt: 2, ...GEMINI })], GEMINI_SPEAKS)).toBe(
      'Ollama failed, answering with Gemini (cloud).',
    )
  })

  it('is how the answer ended', () => {
    expect(said([GEMINI_DONE], DONE)).toBe('Answer complete.')
    expect(said([GEMINI_SPEAKS], { type: 'stop' })).toBe('Stopping.')
    expect(said([GEMINI_SPEAKS, { type: 'stop' }], DONE)).toBe('Answer stopped.')
    expect(said([GEMINI_SPEAKS], { type: 'lost' })).toBe('Answer interrupted.')
    expect(said([FAILED], DONE)).toBe('No provider answered.')
  })
})
