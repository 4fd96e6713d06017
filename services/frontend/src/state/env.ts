/** What the page takes from the browser, passed in so that a test can give its own. */

import type { After } from '../api/chat'
import type { Fetch } from '../api/http'

/** Storage that never fails: a browser that forbids it loses no more than drafts and dismissals. */
export interface Store {
  get(key: string): string | null
  set(key: string, value: string): void
  /** Drop every key that begins so. */
  clear(prefix: string): void
}

export interface Address {
  /** The fragment with its "#", or an empty string. */
  fragment(): string
  /** Put another fragment in the address bar without a new step in the history. */
  replace(fragment: string): void
  /** Go to a fragment as a link does. */
  go(fragment: string): void
  onChange(run: () => void): void
}

export interface Env {
  fetch: Fetch
  now: () => number
  after: After
  /** Run before the next paint, and soon also where nothing is painted. */
  onFrame: (run: () => void) => void
  address: Address
  /** Ends with the tab. */
  tabStore: Store
  /** Stays in this browser. */
  browserStore: Store
}

export function guarded(open: () => Storage): Store {
  let storage: Storage | null = null
  try {
    storage = open()
  } catch {
    // Storage is switched off for this page.
  }
  const attempt = <Value>(run: (storage: Storage) => Value): Value | null => {
    try {
      return storage && run(storage)
    } catch {
      return null
    }
  }
  return {
    get: (key) => attempt((each) => each.getItem(key)),
    set: (key, value) => {
      attempt((each) => (value === '' ? each.removeItem(key) : each.setItem(key, value)))
    },
    clear: (prefix) => {
      attempt((each) =>
        Object.keys(each)
          .filter((key) => key.startsWith(prefix))
          .forEach((key) => each.removeItem(key)),
      )
    },
  }
}

function browserAddress(): Address {
  return {
    fragment: () => location.hash,
    replace: (fragment) => history.replaceState(null, '', fragment || location.pathname + location.search),
    go: (fragment) => {
      location.hash = fragment
    },
    onChange: (run) => addEventListener('hashchange', run),
  }
}

/** A hidden page gets no frames, and its stream must still be taken in. */
const HIDDEN_FRAME_MS = 250

export function browserEnv(): Env {
  return {
    fetch: (url, init) => fetch(url, init),
    now: () => Date.now(),
    after: (ms, run) => {
      const timer = setTimeout(run, ms)
      return () => clearTimeout(timer)
    },
    onFrame: (run) => {
      if (document.visibilityState === 'hidden') setTimeout(run, HIDDEN_FRAME_MS)
      else requestAnimationFrame(run)
    },
    address: browserAddress(),
    tabStore: guarded(() => sessionStorage),
    browserStore: guarded(() => localStorage),
  }
}
