import { describe, expect, it } from 'vitest'
import { decode, type StreamEvent } from '../src/core/events'

function message(data: unknown): StreamEvent | null {
  return decode({ event: 'message', data: JSON.stringify(data), id: '' })
}

function named(event: string, data: unknown): StreamEvent | null {
  return decode({ event, data: JSON.stringify(data), id: '' })
}

describe('the events of the chat stream', () => {
  it('reads a delta, the end and an error from default events', () => {
    expect(message({ content: 'Hi', done: false })).toEqual({ type: 'delta', text: 'Hi' })
    expect(
      message({ content: '', done: true, session_id: 's', message_id: 'm', tokens_used: 5, latency_ms: 90 }),
    ).toEqual({ type: 'done', tokens: 5, latencyMs: 90 })
    expect(message({ error: 'No room.', done: true })).toEqual({ type: 'error', message: 'No room.' })
  })

  it('reads start, route, usage, replace and reset from named events', () => {
    expect(named('start', { message_id: 'm', session_id: 's' })).toEqual({
      type: 'start',
      messageId: 'm',
      sessionId: 's',
    })
    expect(
      named('route', {
        attempt: 2,
        provider: 'gemini',
        model: 'g',
        locality: 'cloud',
        state: 'failed',
        reason: 'dns',
        sent: true,
      }),
    ).toEqual({
      type: 'route',
      attempt: 2,
      provider: 'gemini',
      model: 'g',
      locality: 'cloud',
      state: 'failed',
      reason: 'dns',
      sent: true,
    })
    expect(
      named('usage', { input_tokens: 3, output_tokens: 4, cost_usd: 0, estimated: true, ttft_ms: 5, total_ms: 6 }),
    ).toEqual({
      type: 'usage',
      usage: { inputTokens: 3, outputTokens: 4, costUsd: 0, estimated: true, ttftMs: 5, totalMs: 6 },
    })
    expect(named('replace', { content: 'Anew' })).toEqual({ type: 'replace', text: 'Anew' })
    expect(named('reset', {})).toEqual({ type: 'replace', text: '' })
  })

  it('takes a provider whose locality is not said for the cloud', () => {
    expect(named('route', { attempt: 1, provider: 'x', model: 'y', state: 'queued' })).toMatchObject({
      locality: 'cloud',
    })
  })

  it('reads the place in a line, and who goes on for whom', () => {
    expect(named('queue', { place: 2, expected_wait_ms: null })).toEqual({ type: 'queue', place: 2 })
    expect(named('handoff', { from: 'ollama', to: 'gemini', at: 12, reason: 'stalled' })).toEqual({
      type: 'handoff',
      from: 'ollama',
      to: 'gemini',
      at: 12,
      reason: 'stalled',
    })
  })

  it('leaves out unknown events, unknown states, empty deltas and data that cannot be read', () => {
    expect(named('weather', { place: 2 })).toBeNull()
    expect(named('route', { attempt: 1, state: 'dreaming' })).toBeNull()
    expect(message({ content: '', done: false })).toBeNull()
    expect(message(null)).toBeNull()
    expect(decode({ event: 'message', data: '{"content": "cut', id: '' })).toBeNull()
  })
})
