/** Calls to the gateway, and the two ways in which one can fail. */

/** The server's own word on why it did not do what was asked (RFC 9457). ``detail`` may be empty. */
export class Problem extends Error {
  readonly status: number
  readonly detail: string

  constructor(status: number, title: string, detail: string) {
    super(title)
    this.name = 'Problem'
    this.status = status
    this.detail = detail
  }
}

/** No answer came: the server is down, or the connection to it is. */
export class Unreachable extends Error {
  constructor() {
    super('unreachable')
    this.name = 'Unreachable'
  }
}

export type Fetch = (url: string, init?: RequestInit) => Promise<Response>

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

async function problemOf(response: Response): Promise<Problem> {
  try {
    const body: unknown = await response.json()
    if (typeof body === 'object' && body !== null) {
      const { title, detail } = body as Record<string, unknown>
      return new Problem(response.status, text(title), text(detail))
    }
  } catch {
    // Not JSON: a proxy in between answered. Its page says nothing that a reader could use.
  }
  return new Problem(response.status, '', '')
}

/** The response, when it is a success. Raises Problem and Unreachable; a call that was aborted is Unreachable. */
export async function request(fetch: Fetch, url: string, init: RequestInit = {}): Promise<Response> {
  let response: Response
  try {
    response = await fetch(url, { credentials: 'same-origin', cache: 'no-store', ...init })
  } catch {
    throw new Unreachable()
  }
  if (!response.ok) throw await problemOf(response)
  return response
}

/** These say themselves who somebody is, so new tokens would not change their answer. */
const ENTRANCES = /^\/api\/auth\/(link|login|register|reset|refresh)$/

/** The same fetch, but a call that came too late for its token is made again with a new one, once. */
export function refreshing(fetch: Fetch): Fetch {
  let running: Promise<boolean> | null = null
  const refresh = async (): Promise<boolean> => {
    const headers = { 'Content-Type': 'application/json' }
    const init: RequestInit = { method: 'POST', headers, body: '{}', credentials: 'same-origin', cache: 'no-store' }
    const response = await fetch('/api/auth/refresh', init)
    // Anything but a plain no is the server's trouble, and no reason to ask for a password.
    if (!response.ok && response.status !== 401) throw new Unreachable()
    return response.ok
  }
  return async (url, init) => {
    const response = await fetch(url, init)
    if (response.status !== 401 || ENTRANCES.test(url)) return response
    running ??= refresh().finally(() => {
      running = null
    })
    return (await running) ? fetch(url, init) : response
  }
}

export async function getJson<Body>(fetch: Fetch, url: string): Promise<Body> {
  const response = await request(fetch, url, { headers: { Accept: 'application/json' } })
  try {
    return (await response.json()) as Body
  } catch {
    throw new Unreachable()
  }
}

/** The gateway takes a changing call from a cookie only with a JSON content type, so each has a body. */
export function sendJson(
  fetch: Fetch,
  method: 'POST' | 'PUT' | 'PATCH',
  url: string,
  body: object,
  init: RequestInit = {},
): Promise<Response> {
  const headers = { 'Content-Type': 'application/json', ...init.headers }
  return request(fetch, url, { ...init, method, headers, body: JSON.stringify(body) })
}

export function postJson(fetch: Fetch, url: string, body: object, init: RequestInit = {}): Promise<Response> {
  return sendJson(fetch, 'POST', url, body, init)
}
