/** An incremental parser for text/event-stream, after the WHATWG grammar. */

export interface Frame {
  /** The event's name; 'message' where the stream names none. */
  event: string
  data: string
  /** The last id that the stream has named, up to and with this frame; empty where it has named none. */
  id: string
}

export class SseParser {
  #rest = ''
  #swallowLineFeed = false
  #event = ''
  #id = ''
  #data: string[] = []

  /** Take the next piece of decoded text; the frames that it completed. A frame that never completes is dropped. */
  push(chunk: string): Frame[] {
    const frames: Frame[] = []
    let from = 0
    if (this.#swallowLineFeed && chunk.length > 0) {
      if (chunk[0] === '\n') from = 1
      this.#swallowLineFeed = false
    }
    for (let at = from; at < chunk.length; at += 1) {
      const code = chunk.charCodeAt(at)
      if (code !== 10 && code !== 13) continue
      this.#line(this.#rest + chunk.slice(from, at), frames)
      this.#rest = ''
      if (code === 13) {
        // The LF of a CRLF may only come with the next chunk.
        if (at + 1 === chunk.length) this.#swallowLineFeed = true
        else if (chunk[at + 1] === '\n') at += 1
      }
      from = at + 1
    }
    this.#rest += chunk.slice(from)
    return frames
  }

  #line(line: string, frames: Frame[]): void {
    if (line === '') {
      if (this.#data.length > 0) this.#give(frames)
      this.#event = ''
      this.#data = []
      return
    }
    const colon = line.indexOf(':')
    if (colon === 0) return
    const field = colon < 0 ? line : line.slice(0, colon)
    let value = colon < 0 ? '' : line.slice(colon + 1)
    if (value.startsWith(' ')) value = value.slice(1)
    if (field === 'data') this.#data.push(value)
    else if (field === 'event') this.#event = value
    else if (field === 'id' && !value.includes('\0')) this.#id = value
  }

  #give(frames: Frame[]): void {
    frames.push({ event: this.#event || 'message', data: this.#data.join('\n'), id: this.#id })
  }
}
