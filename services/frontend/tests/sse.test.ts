import { describe, expect, it } from 'vitest'
import { SseParser, type Frame } from '../src/core/sse'

function parse(...chunks: string[]): Frame[] {
  const parser = new SseParser()
  return chunks.flatMap((chunk) => parser.push(chunk))
}

describe('the SSE parser', () => {
  it('gives a frame for every blank line that follows data', () => {
    expect(parse('data: one\n\nevent: route\ndata: two\n\n')).toEqual([
      { event: 'message', data: 'one', id: '' },
      { event: 'route', data: 'two', id: '' },
    ])
  })

  it('gives the same frames however the text is cut', () => {
    const text =
      ': hi\r\n\r\nid: 1\r\ndata: {"content":"a\u2028b"}\r\n\r\nevent: usage\rdata: 1\rdata: 2\r\rdata: 3\r\ndata: 4\r\n\r\ndata:x\n\ndata\n\n'
    const whole = parse(text)
    expect(whole).toHaveLength(5)
    for (let one = 0; one <= text.length; one += 1) {
      for (let two = one; two <= text.length; two += 1) {
        expect(parse(text.slice(0, one), text.slice(one, two), text.slice(two))).toEqual(whole)
      }
    }
  })

  it('ends a line at CR, LF and CRLF, and at no other line separator', () => {
    expect(parse('data: a\u2028b\u2029c\u0085d\v\f\n\n')[0]?.data).toBe('a\u2028b\u2029c\u0085d\v\f')
  })

  it('joins several data lines with a line feed and takes one space after the colon', () => {
    expect(parse('data:  a\ndata:b\ndata\n\n')[0]?.data).toBe(' a\nb\n')
  })

  it('leaves out comments, unknown fields, and frames without data', () => {
    expect(parse(': heartbeat\n\nevent: empty\n\nretry: 5\nfoo: bar\n\n')).toEqual([])
  })

  it('keeps the last id of the stream, also for frames that name none', () => {
    expect(parse('id: 7\ndata: a\n\ndata: b\n\nid\ndata: c\n\n').map((frame) => frame.id)).toEqual(['7', '7', ''])
  })

  it('forgets the event name with the frame that it named', () => {
    expect(parse('event: start\n\ndata: x\n\n')).toEqual([{ event: 'message', data: 'x', id: '' }])
  })

  it('drops a frame that the end of the stream cut off', () => {
    expect(parse('data: whole\n\ndata: half\n')).toEqual([{ event: 'message', data: 'whole', id: '' }])
  })
})
