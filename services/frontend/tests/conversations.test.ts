import { beforeEach, describe, expect, it } from 'vitest'
import { createApp, type App } from '../src/state/app'
import { GRACE_MS, TYPING_MS } from '../src/state/conversations'
import { FakeBrowser, FakeServer, problem, settle } from './fake'
import { session } from './make'

let server: FakeServer
let browser: FakeBrowser
let app: App

async function open(): Promise<void> {
  await app.open()
  await settle()
}

describe('the list of conversations', () => {
  beforeEach(() => {
    server = new FakeServer()
    browser = new FakeBrowser()
    app = createApp(browser.env(server))
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

  it('loses those that were deleted elsewhere, and keeps the older ones that were loaded', async () => {
    await open()
    await app.conversations.more()
    server.sessions = server.sessions.filter((each) => each.id !== 'a')
    await app.conversations.refresh()
    expect(ids()).toBe('bcd')
    server.sessions = []
    await app.conversations.refresh()
    expect(ids()).toBe('')
    expect(app.conversations.hasMore.value).toBe(false)
  })

  it('begins anew where more were begun elsewhere than one page shows', async () => {
    await open()
    server.sessions = [...['x', 'y', 'z'].map((id) => session({ id })), ...server.sessions]
    await app.conversations.refresh()
    expect(ids()).toBe('xy')
    await app.conversations.more()
    await app.conversations.more()
    expect(ids()).toBe('xyzabc')
  })

  it('is read again when the reader comes back, for another page may have changed it', async () => {
    await open()
    server.sessions = [session({ id: 'z' }), ...server.sessions]
    browser.back()
    await settle()
    expect(ids()).toBe('zab')
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

describe('a search', () => {
  beforeEach(async () => {
    server = new FakeServer()
    browser = new FakeBrowser()
    app = createApp(browser.env(server))
    server.sessions = ['red fish', 'blue fish', 'bird'].map((title, at) => session({ id: String(at), title }))
    await open()
  })

  const titles = () => app.conversations.listed.value.items.value.map((each) => each.title)

  it('asks the server once somebody has stopped typing', async () => {
    for (const typed of ['f', 'fi', 'fish']) {
      app.conversations.search(typed)
      await browser.pass(TYPING_MS - 1)
    }
    const asked = server.made('GET /api/chat/sessions').length
    expect(titles()).toEqual(['red fish', 'blue fish', 'bird'])
    await browser.pass(1)
    expect(server.made('GET /api/chat/sessions')).toHaveLength(asked + 1)
    expect(titles()).toEqual(['red fish', 'blue fish'])
    app.conversations.search('')
    expect(titles()).toEqual(['red fish', 'blue fish', 'bird'])
  })

  it('shows what was looked for last, however late another answer comes', async () => {
    app.conversations.search('fish')
    await browser.pass(TYPING_MS)
    app.conversations.search('bird')
    expect(titles()).toEqual(['red fish', 'blue fish'])
    await browser.pass(TYPING_MS)
    expect(titles()).toEqual(['bird'])
  })
})

describe('a conversation in the list', () => {
  beforeEach(async () => {
    server = new FakeServer()
    browser = new FakeBrowser()
    app = createApp(browser.env(server))
    server.sessions = ['a', 'b', 'c'].map((id) => session({ id, title: id }))
    await open()
  })

  const shown = () => app.conversations.items.value.map((each) => each.title).join('')
  const first = () => app.conversations.items.value[0] ?? session()

  it('is renamed', async () => {
    expect(await app.conversations.rename('a', '  x ')).toBe('')
    expect(server.made('PATCH /api/chat/sessions/a')[0]?.body).toEqual({ title: 'x' })
    expect(shown()).toBe('xbc')
  })

  it('keeps its name, and says so, where the server does not take the new one', async () => {
    server.replies['PATCH /api/chat/sessions/a'] = problem(422, 'No.')
    expect(await app.conversations.rename('a', 'x')).not.toBe('')
    expect(shown()).toBe('abc')
  })

  it('is gone at once when it is deleted, and the server learns of it when the time to undo is over', async () => {
    app.conversations.remove(first())
    expect([shown(), app.conversations.removed.value?.id]).toEqual(['bc', 'a'])
    await browser.pass(GRACE_MS - 1)
    expect(server.made('DELETE /api/chat/sessions/a')).toHaveLength(0)
    await browser.pass(1)
    expect(server.made('DELETE /api/chat/sessions/a')).toHaveLength(1)
    expect([shown(), app.conversations.total.value, app.conversations.removed.value]).toEqual(['bc', 2, null])
  })

  it('is open again after an undo where it was open, and the reader has not gone on', async () => {
    browser.go('#/chat/a')
    app.conversations.remove(first())
    expect(browser.hash).toBe('#/')
    app.conversations.undo()
    expect(browser.hash).toBe('#/chat/a')

    app.conversations.remove(first())
    browser.go('#/chat/b')
    app.conversations.undo()
    expect(browser.hash).toBe('#/chat/b')
  })

  it('comes back by undo, and the server never learns of it', async () => {
    app.conversations.remove(first())
    app.conversations.undo()
    await browser.pass(GRACE_MS)
    expect([shown(), server.made('DELETE /api/chat/sessions/a').length]).toEqual(['abc', 0])
  })

  it('does not come back with a page that is read meanwhile', async () => {
    app.conversations.remove(first())
    await app.conversations.refresh()
    expect(shown()).toBe('bc')
  })

  it('is deleted at once when another one is, when the page goes, and before somebody signs out', async () => {
    app.conversations.remove(first())
    app.conversations.remove(first())
    await settle()
    expect(server.made('DELETE /api/chat/sessions/a')).toHaveLength(1)
    await browser.leave()
    expect(server.made('DELETE /api/chat/sessions/b')).toHaveLength(1)
    app.conversations.remove(first())
    await app.signOut()
    const calls = server.calls.map((call) => `${call.method} ${call.path}`)
    expect(calls.indexOf('DELETE /api/chat/sessions/c')).toBeLessThan(calls.indexOf('POST /api/auth/logout'))
    expect(server.sessions).toEqual([])
  })

  it('comes back with a word where it could not be deleted', async () => {
    server.replies['DELETE /api/chat/sessions/a'] = problem(503, 'Not now.')
    app.conversations.remove(first())
    await browser.pass(GRACE_MS)
    expect(shown()).toBe('abc')
    expect(app.conversations.trouble.value).toContain('could not be deleted')
  })

  it('counts as deleted where it was gone already', async () => {
    server.replies['DELETE /api/chat/sessions/a'] = problem(404, 'Gone.')
    app.conversations.remove(first())
    await browser.pass(GRACE_MS)
    expect([shown(), app.conversations.trouble.value]).toEqual(['bc', ''])
  })

  it('leaves the page empty where it was the open one', async () => {
    server.prompts.a = []
    browser.go('#/chat/a')
    await settle()
    app.conversations.remove(first())
    expect(browser.hash).toBe('#/')
  })
})
