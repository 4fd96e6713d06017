/** The stored decisions of answers that have ended. They change no more, so each is read once. */

import { signal, type ReadonlySignal, type Signal } from '@preact/signals'
import type { Api } from '../api/chat'
import type { StoredRoute } from '../api/types'

export interface Held {
  route: StoredRoute | null
  state: 'none' | 'loading' | 'failed' | 'ready'
}

export interface Routes {
  /** What is known of an answer's route. */
  of(messageId: string): ReadonlySignal<Held>
  /** Read it, unless it was read. */
  want(messageId: string): void
  /** The answer went on: what is known of it holds no more. */
  forget(messageId: string): void
  clear(): void
}

const NONE: Held = { route: null, state: 'none' }

export function createRoutes(api: Pick<Api, 'route'>, onError: (error: unknown) => void): Routes {
  const held = new Map<string, Signal<Held>>()

  function of(messageId: string): Signal<Held> {
    const known = held.get(messageId) ?? signal(NONE)
    held.set(messageId, known)
    return known
  }

  return {
    of,
    want(messageId) {
      const known = of(messageId)
      if (known.peek().state === 'loading' || known.peek().state === 'ready') return
      known.value = { route: null, state: 'loading' }
      api.route(messageId).then(
        (route) => {
          if (known.peek().state === 'loading') known.value = { route, state: 'ready' }
        },
        (error: unknown) => {
          known.value = { route: null, state: 'failed' }
          onError(error)
        },
      )
    },
    forget(messageId) {
      const known = held.get(messageId)
      if (known) known.value = NONE
    },
    clear: () => held.clear(),
  }
}
