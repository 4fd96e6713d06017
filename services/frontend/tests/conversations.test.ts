import { beforeEach, describe, expect, it } from 'vitest'
import { createApp, type App } from '../src/state/app'
import { FakeBrowser, FakeServer, problem, settle } from './fake'
import { session } from './make'

let server: FakeServer
let app: App

async function open(): Promise<void> {
  await app.open()
  await settle()
}

describe('the list of conversations', () => {
  beforeEach(() => {
    server = new FakeServer()
    app = createApp(new FakeBrowser().env(server))
    server.sessions = ['a', 'b', 'c', 'd', 'e'].map((id) => session({ id }))
    server.pageSize = 2
  })

  const ids = () => app.conversations.items.value.map((each) => each.id).join('')

  it('grows by a page at a time to its end', async () => {
    await open()
    expect(ids()).toBe('ab')
    await app.conversations.more()
    expect(ids()).toBe('abcd')
    await app.conversations.more()
    expect(ids()).toBe('abcde')
    expect(app.conversations.hasMore.value).toBe(false)
  })

  it('takes in new ones at its head and keeps the older ones that were loaded', async () => {
    await open()
    await app.conversations.more()
    server.sessions = [session({ id: 'z' }), ...server.sessions]
    await app.conversations.refresh()
    expect(ids()).toBe('zabcd')
  })

  it('says that it could not be loaded, and loads when it is tried again', async () => {
    server.replies['GET /api/chat/sessions'] = problem(503, '')
    await open()
    expect(app.conversations.state.value).toBe('failed')
    server.replies = {}
    await app.conversations.more()
    expect(app.conversations.state.value).toBe('ready')
    expect(ids()).toBe('ab')
  })
})
