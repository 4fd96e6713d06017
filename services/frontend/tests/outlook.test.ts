import { describe, expect, it } from 'vitest'
import { outlookOf } from '../src/core/outlook'
import { backoff } from '../src/core/retry'
import { explained } from './make'

describe('what will happen to the next message', () => {
  it('names who may be asked in the cloud', () => {
    expect(outlookOf(explained(), false)).toEqual({
      heldBy: null,
      onThisMachine: true,
      clouds: ['Gemini'],
      cloudFirst: false,
      hasLocal: true,
    })
  })

  it('keeps it local by the lock of this moment, also where the server has not told yet', () => {
    expect(outlookOf(explained(), true)).toMatchObject({ heldBy: 'session', clouds: [], cloudFirst: false })
    expect(outlookOf(explained({ locks: ['session'] }), false)).toMatchObject({ heldBy: null })
  })

  it('names a lock that the reader cannot open before their own', () => {
    expect(outlookOf(explained({ locks: ['user', 'session'] }), true).heldBy).toBe('user')
    expect(outlookOf(explained({ locks: ['deployment', 'user'] }), false).heldBy).toBe('deployment')
  })

  it('tells a machine in the network from this one', () => {
    const [ollama, gemini] = explained().attempts
    if (!ollama || !gemini) throw new Error('there are two')
    const near = { ...ollama, on_this_machine: false }
    expect(outlookOf(explained({ attempts: [near] }), true).onThisMachine).toBe(false)
    expect(outlookOf(explained({ attempts: [gemini, ollama] }), false).cloudFirst).toBe(true)
  })
})

describe('the wait before another try', () => {
  it('doubles up to its limit, and is spread by chance', () => {
    expect([1, 2, 3, 6, 20].map((failures) => backoff(failures, 1))).toEqual([250, 500, 1_000, 8_000, 8_000])
    expect(backoff(3, 0)).toBe(500)
  })
})
