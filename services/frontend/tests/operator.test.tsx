/** The operator's page is read again while somebody can see it, and not while nobody can. */

import { render } from 'preact'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LIVE_MS } from '../src/operator/live'
import { OperatorPage } from '../src/operator/OperatorPage'
import { createApp, type App } from '../src/state/app'
import { AppContext } from '../src/ui/context'
import { FakeBrowser, FakeServer, json, problem, settle } from './fake'

const PROVIDERS = 'GET /api/admin/operations/providers'

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
  server.replies['GET /api/admin/operations/activity'] = json({
    since: '2026-01-01T10:00:00Z',
    step_minutes: 1,
    points: [],
    fallbacks: [],
  })
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

  it('shows nothing to who is no admin', async () => {
    server.role = 'user'
    await app.open()
    await show()
    expect(root.textContent).toBe('This page is for whoever runs this NovaCore.')
  })
})
