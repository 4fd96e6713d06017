import { describe, expect, it } from 'vitest'
import { reduceTurn, storedTurn } from '../src/core/turn'
import { DONE, GEMINI, START, delta, prompt, route, turnAfter } from './make'

const STREAMING = route({ state: 'streaming' })
const SUCCEEDED = route({ state: 'succeeded' })
const FREE = { type: 'done', tokens: 0, latencyMs: 2_100 } as const

describe('a turn', () => {
  it('collects the deltas and is complete with the end of a stream whose attempt succeeded', () => {
    const turn = turnAfter(START, STREAMING, delta('Be'), delta('cause.'), SUCCEEDED, DONE)
    expect(turn).toMatchObject({ id: 'm1', answer: 'Because.', status: 'complete', tokens: 7, latencyMs: 2_100 })
    expect(turn).toMatchObject({ provider: 'ollama', model: 'llama3.2:3b', locality: 'local' })
  })

  it('keeps one line per attempt, in the order in which they began, and those left out apart', () => {
    const turn = turnAfter(
      route(),
      route({ state: 'failed', reason: 'connect_refused' }),
      route({ attempt: 0, provider: 'openai', locality: 'cloud', state: 'skipped', reason: 'not_configured' }),
      route({ attempt: 2, ...GEMINI, state: 'streaming' }),
    )
    expect(turn.attempts.map((each) => [each.provider, each.state])).toEqual([
      ['ollama', 'failed'],
      ['gemini', 'streaming'],
    ])
    expect(turn.skipped.map((each) => each.provider)).toEqual(['openai'])
  })

  it('never forgets that an attempt was sent away', () => {
    const turn = turnAfter(route({ ...GEMINI }), route({ ...GEMINI, state: 'failed', sent: false }))
    expect(turn.attempts[0]).toMatchObject({ state: 'failed', sent: true })
  })

  it('names the one that speaks, not one that was only asked', () => {
    expect(turnAfter(route()).provider).toBeNull()
    expect(turnAfter(STREAMING, route({ attempt: 2, ...GEMINI })).provider).toBe('ollama')
    expect(turnAfter(STREAMING, route({ attempt: 2, ...GEMINI, state: 'streaming' })).provider).toBe('gemini')
  })

  it('is stopped when the stream ends after a stop that was asked for', () => {
    const turn = turnAfter(START, STREAMING, delta('Be'), { type: 'stop' })
    expect(turn).toMatchObject({ status: 'running', stopping: true })
    expect(reduceTurn(turn, DONE)).toMatchObject({ status: 'stopped', stopping: false, answer: 'Be' })
    expect(reduceTurn(turn, { type: 'lost' }).status).toBe('stopped')
    expect(reduceTurn(turn, { type: 'error', message: 'Cancelled.' }).status).toBe('stopped')
  })

  it('is complete when the answer was whole before the stop reached it', () => {
    expect(turnAfter(START, STREAMING, { type: 'stop' }, SUCCEEDED, DONE).status).toBe('complete')
  })

  it('is stopped when another window stopped it', () => {
    expect(turnAfter(START, STREAMING, route({ state: 'cancelled', reason: 'cancelled' }), DONE).status).toBe(
      'stopped',
    )
  })

  it('is a fallback when a lock cut it off before its first word, and the server says so', () => {
    const cut = route({ state: 'cancelled', reason: 'cancelled' })
    expect(turnAfter(START, cut, delta('Locked.'), FREE).status).toBe('fallback')
    expect(turnAfter(START, cut, FREE).status).toBe('stopped')
  })

  it('is a fallback when all who were asked failed, or all were left out', () => {
    expect(turnAfter(route({ state: 'failed', reason: 'auth' }), delta('Sorry.'), DONE).status).toBe('fallback')
    expect(turnAfter(route({ state: 'skipped', reason: 'local_only' }), delta('Sorry.'), DONE).status).toBe(
      'fallback',
    )
  })

  it('is a fallback when there was nobody to ask', () => {
    expect(turnAfter(START, delta('Sorry.'), DONE).status).toBe('fallback')
  })

  it('is complete when a stream tells nothing of its route', () => {
    expect(turnAfter(delta('Because.'), DONE).status).toBe('complete')
  })

  it('keeps its text when the connection is lost', () => {
    expect(turnAfter(START, STREAMING, delta('Be'), { type: 'lost' })).toMatchObject({
      status: 'interrupted',
      answer: 'Be',
    })
  })

  it('is interrupted by an error after the first word, and failed by one before it', () => {
    const error = { type: 'error', message: 'No room.' } as const
    expect(turnAfter(delta('Be'), error)).toMatchObject({ status: 'interrupted', answer: 'Be', error: 'No room.' })
    expect(turnAfter(START, error)).toMatchObject({ status: 'failed', error: 'No room.' })
  })

  it('takes the whole answer anew where the server replaces it', () => {
    expect(turnAfter(delta('Bee'), { type: 'replace', text: 'Be' }, delta('cause.')).answer).toBe('Because.')
    expect(turnAfter(delta('Bee'), { type: 'replace', text: '' }).answer).toBe('')
  })

  it('keeps its seams where the same answer is told anew, and not where another takes its place', () => {
    const handoff = { type: 'handoff', from: 'ollama', to: 'gemini', at: 2, reason: 'stalled' } as const
    const parts = [STREAMING, delta('Be'), handoff, delta('cause')]
    expect(turnAfter(...parts, { type: 'replace', text: 'Because.' }).handoffs).toHaveLength(1)
    expect(turnAfter(...parts, { type: 'replace', text: 'Hence.' }).handoffs).toHaveLength(0)
    const whole = { ...handoff, at: 0 }
    expect(turnAfter(...parts, whole, { type: 'replace', text: 'Hence.' }).handoffs).toEqual([
      { from: 'ollama', to: 'gemini', at: 0, reason: 'stalled' },
    ])
  })

  it('goes on running while the connection is away, and says what it waits for', () => {
    expect(turnAfter({ type: 'away' })).toMatchObject({ status: 'running', link: 'unsent' })
    expect(turnAfter(START, { type: 'away' })).toMatchObject({ status: 'running', link: 'away' })
    expect(turnAfter(START, { type: 'away' }, delta('Be'))).toMatchObject({ link: 'here', answer: 'Be' })
    expect(turnAfter(START, { type: 'away' }, { type: 'back' }).link).toBe('here')
  })

  it('runs again where it is gone on with, and is told from its beginning where it is followed', () => {
    const broken = turnAfter(START, STREAMING, delta('Be'), { type: 'error', message: 'No room.' })
    expect(reduceTurn(broken, { type: 'reopen', anew: false })).toMatchObject({
      status: 'running',
      answer: 'Be',
      error: null,
      attempts: [{ provider: 'ollama' }],
    })
    expect(reduceTurn(broken, { type: 'reopen', anew: true })).toMatchObject({ answer: '', attempts: [] })
    const stopping = turnAfter(START, { type: 'stop' }, { type: 'reopen', anew: true })
    expect(stopping.stopping).toBe(true)
  })

  it('is complete where a stored answer is told without its route', () => {
    const usage = { inputTokens: 1, outputTokens: 2, costUsd: 0, estimated: false, ttftMs: 1, totalMs: 2 }
    const told = [START, { type: 'replace', text: 'Because.' } as const, { type: 'usage', usage } as const]
    expect(turnAfter(...told, DONE)).toMatchObject({ status: 'complete', whole: false })
  })

  it('changes no more once it has ended', () => {
    const turn = turnAfter(START, SUCCEEDED, DONE)
    for (const late of [delta('x'), START, STREAMING, { type: 'stop' } as const, { type: 'lost' } as const]) {
      expect(reduceTurn(turn, late)).toBe(turn)
    }
  })

  it('stands as it was stored', () => {
    expect(storedTurn(prompt({ status: 'stopped', output_text: null }))).toMatchObject({
      key: 'm1',
      id: 'm1',
      question: 'Why?',
      answer: '',
      status: 'stopped',
      live: false,
      provider: 'ollama',
    })
  })
})
