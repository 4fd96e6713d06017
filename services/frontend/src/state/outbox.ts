/** The one message of each conversation that is on its way, so that a reload of the page sends the same one, once. */

import type { Message } from '../api/chat'
import type { Store } from './env'

export interface Outgoing {
  message: Message
  /** Under which the server answers it once, however often it is sent. */
  key: string
  /** Its writer waits for another answer to words that are there already. */
  again: boolean
}

const OUTBOX = 'novacore.outbox.'

const nameOf = (id: string | null): string => OUTBOX + (id ?? 'new')

export function readOutgoing(store: Store, id: string | null): Outgoing | null {
  try {
    const held: unknown = JSON.parse(store.get(nameOf(id)) ?? 'null')
    return typeof held === 'object' ? (held as Outgoing | null) : null
  } catch {
    return null
  }
}

/** Null: it has arrived, or was taken back. */
export function keepOutgoing(store: Store, id: string | null, outgoing: Outgoing | null): void {
  store.set(nameOf(id), outgoing === null ? '' : JSON.stringify(outgoing))
}

export function clearOutbox(store: Store): void {
  store.clear(OUTBOX)
}
