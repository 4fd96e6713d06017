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
  /** A number from 0 to 1, another one each time. */
  random: () => number
  /** A name that nobody else has. */
  newId: () => string
  /** Run whenever the network may be there again. */
  onOnline: (run: () => void) => void
  /** Run whenever the reader comes back to this page. */
  onReturn: (run: () => void) => void
  address: Address
  /** Save what is at this path, under the name that the server gives it. */
  download: (path: string) => void
  /** The page is about to go away. */
  onLeave: (run: () => void) => void
  /** Whether somebody can see the page, now and whenever that changes; stops by the function that it returns. */
  onVisible: (run: (visible: boolean) => void) => () => void
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

/** 128 random bits. ``crypto.randomUUID`` is there in secure contexts alone, and a page at home may be none. */
function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

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
    random: () => Math.random(),
    newId: randomId,
    onOnline: (run) => addEventListener('online', run),
    onReturn: (run) => {
      document.addEventListener('visibilitychange', () => {
        if (document.visibilityState === 'visible') run()
      })
    },
    address: browserAddress(),
    download: (path) => {
      const link = document.createElement('a')
      link.href = path
      link.download = ''
      link.click()
    },
    onLeave: (run) => addEventListener('pagehide', run),
    onVisible: (run) => {
      const tell = (): void => run(document.visibilityState === 'visible')
      tell()
      document.addEventListener('visibilitychange', tell)
      return () => document.removeEventListener('visibilitychange', tell)
    },
    tabStore: guarded(() => sessionStorage),
    browserStore: guarded(() => localStorage),
  }
}
