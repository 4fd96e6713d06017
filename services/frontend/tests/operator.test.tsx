/** The operator's page is read again while somebody can see it, and not while nobody can. */

import { render } from 'preact'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LIVE_MS } from '../src/operator/live'
import { OperatorPage } from '../src/operator/OperatorPage'
import type { FallbackTurn } from '../src/api/operator'
import { createApp, type App } from '../src/state/app'
import { AppContext } from '../src/ui/context'
import { FakeBrowser, FakeServer, json, problem, settle } from './fake'
import { GEMINI, storedAttempt } from './make'

const PROVIDERS = 'GET /api/admin/operations/providers'

const ACTIVITY = 'GET /api/admin/operations/activity'

const activity = (...fallbacks: FallbackTurn[]) =>
  json({ since: '2026-01-01T10:00:00Z', step_minutes: 1, points: [], fallbacks })

function fallback(rest: Partial<FallbackTurn> = {}): FallbackTurn {
  const tokens = { input_tokens: 20, output_tokens: 5, estimated: false }
  return {
    at: '2026-01-01T10:05:00Z',
    request_id: 'request-1',
    trace_id: null,
    message_id: 'm1',
    mine: false,
    status: 'complete',
    first_choice: 'ollama',
    reason: 'connect_refused',
    provider: 'gemini',
    locality: 'cloud',
    took_ms: 2_000,
    cost_usd: 0.02,
    attempts: [
      { ...storedAttempt({ outcome: 'failed', reason: 'connect_refused', ended_ms: 300 }), ...tokens },
      { ...storedAttempt({ ...GEMINI, attempt: 2, started_ms: 400, ended_ms: 2_000 }), ...tokens },
    ],
    skipped: [{ provider: 'openai', model: 'gpt-4.1', locality: 'cloud', reason: 'not_configured' }],
    ...rest,
  }
}

let server: FakeServer
let browser: FakeBrowser
let app: App
let root: HTMLElement

/** Preact draws, and begins and ends effects, in tasks of its own, these after the next paint. */
async function drawn(): Promise<void> {
  await settle()
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))
  await settle()
}

beforeEach(async () => {
  server = new FakeServer()
  browser = new FakeBrowser()
  app = createApp(browser.env(server))
  server.replies[PROVIDERS] = json({ minutes: 60, providers: [] })
  server.replies[ACTIVITY] = activity()
  root = document.createElement('div')
  document.body.replaceChildren(root)
  await app.open()
})

afterEach(() => render(null, root))

async function show(): Promise<void> {
  render(
    <AppContext.Provider value={app}>
      <OperatorPage />
    </AppContext.Provider>,
    root,
  )
  await drawn()
}

async function pass(ms: number): Promise<void> {
  await browser.pass(ms)
  await drawn()
}

const asked = (): number => server.made(PROVIDERS).length

describe('the operator’s page', () => {
  it('is read again every few seconds', async () => {
    await show()
    expect(asked()).toBe(1)
    await pass(LIVE_MS - 1)
    expect(asked()).toBe(1)
    await pass(1)
    expect(asked()).toBe(2)
    await pass(LIVE_MS)
    expect(asked()).toBe(3)
  })

  it('asks nothing while it is hidden, and goes on when it is seen again', async () => {
    await show()
    await browser.show(false)
    await drawn()
    await pass(10 * LIVE_MS)
    expect(asked()).toBe(1)
    await browser.show(true)
    await drawn()
    await pass(LIVE_MS)
    expect(asked()).toBe(2)
  })

  it('asks nothing more when it is left', async () => {
    await show()
    render(null, root)
    await drawn()
    await pass(10 * LIVE_MS)
    expect(asked()).toBe(1)
  })

  it('keeps what it shows and says so while the server does not answer, and goes on by itself', async () => {
    await show()
    server.replies[PROVIDERS] = problem(503, 'Not now.')
    await pass(LIVE_MS)
    expect(root.textContent).toContain('Not now.')
    server.replies[PROVIDERS] = json({ minutes: 60, providers: [] })
    await pass(LIVE_MS)
    expect(root.textContent).not.toContain('Not now.')
  })

  it('tells of anyone’s fallback who was asked, what it took and what left the machine', async () => {
    server.replies[ACTIVITY] = activity(fallback({ trace_id: 'ab'.repeat(16) }))
    await show()
    const row = root.querySelector('.fallback')
    const steps = [...(row?.querySelectorAll('.step') ?? [])].map((each) => each.textContent)
    expect(steps).toEqual([
      'Ollama llama3.2:3bLocal · Failed · took 0.3 sNothing was listening at its address.',
      'Gemini gemini-2.5-flashCloud · Answered · took 1.6 s',
      'OpenAI gpt-4.1Cloud · SkippedIt is not set up.',
    ])
    expect(row?.querySelector('.figures')?.textContent).toBe('First word0.4 sTotal2.0 sTokens40 in, 10 outCost$0.02')
    expect(row?.textContent).toContain('This conversation was sent to Gemini.')
    const ids = [...(row?.querySelectorAll('.trace-ids code') ?? [])].map((each) => each.textContent)
    expect(ids).toEqual(['request-1', 'ab'.repeat(16)])
  })

  it('links to a message where it is the reader’s own alone', async () => {
    server.replies[ACTIVITY] = activity(
      fallback({ request_id: 'one' }),
      fallback({ request_id: 'two', mine: true }),
      fallback({ request_id: 'three', mine: true, message_id: null }),
    )
    await show()
    const links = [...root.querySelectorAll('.fallback')].map((each) => each.querySelector('a')?.getAttribute('href'))
    expect(links).toEqual([undefined, '/api/chat/messages/m1/route', undefined])
    expect(root.querySelector('.fallback')?.textContent).toContain('somebody else’s message')
  })

  it('shows nothing to who is no admin', async () => {
    server.role = 'user'
    await app.open()
    await show()
    expect(root.textContent).toBe('This page is for whoever runs this NovaCore.')
  })
})
