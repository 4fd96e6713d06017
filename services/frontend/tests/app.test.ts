import { beforeEach, describe, expect, it } from 'vitest'
import { SILENCE_LIMIT_MS } from '../src/api/chat'
import { STOP_AGAIN_MS } from '../src/state/answer'
import { createApp, type App } from '../src/state/app'
import type { Turn } from '../src/core/turn'
import { FakeBrowser, FakeServer, GOOD, problem, settle } from './fake'
import { prompt, session } from './make'

let server: FakeServer
let browser: FakeBrowser
let app: App

const ROUTE = {
  message_id: 'm1',
  attempt: 1,
  provider: 'ollama',
  model: 'llama3.2:3b',
  locality: 'local',
  sent: false,
}

beforeEach(() => {
  server = new FakeServer()
  browser = new FakeBrowser()
  app = createApp(browser.env(server))
})

async function open(fragment = ''): Promise<void> {
  browser.hash = fragment
  await app.open()
  await settle()
}

async function send(message: string): Promise<void> {
  app.send(message)
  await settle()
}

function turns(): Turn[] {
  return app.thread.value.turns.value.map((each) => each.value)
}

function lastTurn(): Turn {
  const turn = turns().at(-1)
  if (!turn) throw new Error('the thread is empty')
  return turn
}

describe('signing in', () => {
  it('exchanges the link of the address once and takes it out of the address bar', async () => {
    server.signedIn = false
    await open('#signin=good')
    expect(server.made('POST /api/auth/link').map((call) => call.body)).toEqual([{ token: 'good' }])
    expect(browser.hash).toBe('')
    expect(app.phase.value).toBe('ready')
  })

  it('says that a link was used or has expired', async () => {
    server.signedIn = false
    await open('#signin=old')
    expect(app.phase.value).toBe('signedOut')
    expect(app.entry.note.value).toBe('This sign-in link was already used or has expired.')
    expect(browser.hash).toBe('')
  })

  it('goes on without a word where an old link is opened by someone who is signed in', async () => {
    await open('#signin=old')
    expect(app.phase.value).toBe('ready')
  })

  it('asks for a link where there is no sign-in, without naming an error', async () => {
    server.signedIn = false
    await open()
    expect(app.phase.value).toBe('signedOut')
    expect(app.entry.note.value).toBe('')
  })

  it('keeps the link while the server cannot be reached, and uses it on the next try', async () => {
    server.signedIn = false
    server.down = true
    await open('#signin=good')
    expect(app.phase.value).toBe('unreachable')
    expect(browser.hash).toBe('')
    server.down = false
    await app.open()
    expect(app.phase.value).toBe('ready')
  })

  it('takes a link that is opened in a page that is already there', async () => {
    server.signedIn = false
    await open()
    browser.go('#signin=good')
    await settle()
    expect(app.phase.value).toBe('ready')
  })

  it('leaves no draft and no conversation behind when signing out', async () => {
    server.sessions = [session()]
    await open()
    app.thread.value.draft.value = 'a secret'
    expect([...browser.tabStore.entries.values()]).toEqual(['a secret'])
    await app.signOut()
    expect(app.phase.value).toBe('signedOut')
    expect(browser.tabStore.entries.size).toBe(0)
    expect(app.conversations.items.value).toEqual([])
    expect(app.thread.value.draft.value).toBe('')
  })

  it('shows nobody what somebody else has left in this tab whose sign-in has ended', async () => {
    server.sessions = [session()]
    server.prompts = { s1: [prompt()] }
    await open('#/chat/s1')
    app.thread.value.draft.value = 'a secret'
    server.signedIn = false
    await app.conversations.refresh()
    expect(app.phase.value).toBe('signedOut')

    Object.assign(server, { signedIn: true, userId: 'u2', sessions: [], prompts: {} })
    await app.open()
    await settle()
    expect(app.phase.value).toBe('ready')
    expect(app.conversations.items.value).toEqual([])
    expect(app.thread.value.turns.value).toEqual([])
    expect([...browser.tabStore.entries.values()].join()).not.toContain('a secret')
  })

  it('gives its reader the draft back who signs in again', async () => {
    await open()
    app.thread.value.draft.value = 'half a thought'
    server.signedIn = false
    await app.conversations.refresh()
    server.signedIn = true
    await app.open()
    expect(app.thread.value.draft.value).toBe('half a thought')
  })

  it('says in words by how much a message is too long', async () => {
    await open()
    server.replies['POST /api/chat/stream'] = problem(422, 'message has 100000 characters; 32000 are allowed.')
    await send('as if it were long')
    expect(app.thread.value.refusal.value).toBe('It has 100,000 characters, and 32,000 are allowed.')
    expect(app.thread.value.draft.value).toBe('as if it were long')
    expect(app.spoken.value).toBe('')
  })

  it('leaves nothing of a message behind that was on its way while signing out', async () => {
    await open()
    await send('a secret')
    await app.signOut()
    await settle()
    expect(browser.tabStore.entries.size).toBe(0)
  })

  it('shows the sign-in page as soon as any call says that the sign-in has ended', async () => {
    server.sessions = [session()]
    server.prompts = { s1: [] }
    await open()
    server.signedIn = false
    browser.go('#/chat/s1')
    await settle()
    expect(app.phase.value).toBe('signedOut')
  })
})

describe('a name and a password', () => {
  it('sign in, and a wrong one says so and no more', async () => {
    server.signedIn = false
    await open()
    expect(app.entry.kind.value).toBe('signIn')
    await app.enter('Ada', 'wrong')
    expect(app.entry.note.value).toBe('The name or the password is not right.')
    expect(app.phase.value).toBe('signedOut')
    await app.enter('Ada', GOOD)
    expect(app.phase.value).toBe('ready')
    expect(server.made('POST /api/auth/login').map((call) => call.body)).toEqual([
      { name: 'Ada', password: 'wrong' },
      { name: 'Ada', password: GOOD },
    ])
  })

  it('are handed in once however often the button is pressed', async () => {
    server.signedIn = false
    await open()
    await Promise.all([app.enter('Ada', GOOD), app.enter('Ada', GOOD)])
    expect(server.made('POST /api/auth/login')).toHaveLength(1)
  })

  it('say what the server says of too many attempts, and where it cannot be reached', async () => {
    server.signedIn = false
    await open()
    server.replies['POST /api/auth/login'] = problem(429, 'Too many attempts; try again in 12 s.')
    await app.enter('Ada', GOOD)
    expect(app.entry.note.value).toBe('Too many attempts; try again in 12 s.')
    server.down = true
    await app.enter('Ada', GOOD)
    expect(app.entry.note.value).toContain('cannot be reached')
  })

  it('make an account by an invitation, whose token leaves the address bar', async () => {
    server.signedIn = false
    await open('#invite=good')
    expect([browser.hash, app.entry.kind.value]).toEqual(['', 'invite'])
    await app.enter('Ada', GOOD)
    expect(server.made('POST /api/auth/register')[0]?.body).toEqual({
      invitation: 'good',
      name: 'Ada',
      password: GOOD,
    })
    expect(app.phase.value).toBe('ready')
  })

  it('are set anew by a reset, also where somebody is signed in', async () => {
    await open()
    browser.go('#reset=good')
    await settle()
    expect([app.phase.value, app.entry.kind.value]).toEqual(['signedOut', 'reset'])
    await app.enter('', GOOD)
    expect(server.made('POST /api/auth/reset')[0]?.body).toEqual({ token: 'good', password: GOOD })
    expect(app.phase.value).toBe('ready')
  })

  it.each([
    ['#invite=old', 'This invitation was already used or has expired. Ask for a new one.'],
    ['#reset=old', 'This link was already used or has expired. Ask for a new one.'],
  ])('say of a spent link that it is spent: %s', async (fragment, sentence) => {
    server.signedIn = false
    await open(fragment)
    await app.enter('Ada', GOOD)
    expect(app.entry.note.value).toBe(sentence)
  })

  it('are chosen by who came by a link, or later', async () => {
    server.hasPassword = false
    await open()
    expect(app.withoutPassword.value).toBe(true)
    app.choosePassword()
    app.chooseLater()
    expect([app.phase.value, app.withoutPassword.value]).toEqual(['ready', true])
    app.choosePassword()
    await app.enter('Ada', GOOD)
    expect(server.made('POST /api/auth/password')[0]?.body).toEqual({ name: 'Ada', new_password: GOOD })
    expect([app.phase.value, app.withoutPassword.value]).toEqual(['ready', false])
  })
})

describe('an access token that has expired', () => {
  it('is replaced once, and the call is made again', async () => {
    await open()
    server.signedIn = false
    server.refreshable = true
    await send('Why?')
    expect(server.made('POST /api/auth/refresh')).toHaveLength(1)
    expect(server.made('POST /api/chat/stream').map((call) => call.body)).toEqual([
      { message: 'Why?' },
      { message: 'Why?' },
    ])
    expect(server.streams).toHaveLength(1)
    expect(app.phase.value).toBe('ready')
  })

  it('is replaced once for all calls that were waiting', async () => {
    server.sessions = [session()]
    server.prompts = { s1: [] }
    await open()
    server.signedIn = false
    server.refreshable = true
    browser.go('#/chat/s1')
    await app.conversations.refresh()
    await settle()
    expect(server.made('POST /api/auth/refresh')).toHaveLength(1)
    expect(app.phase.value).toBe('ready')
  })

  it('ends the sign-in where no other is given', async () => {
    await open()
    server.signedIn = false
    await send('Why?')
    expect(app.phase.value).toBe('signedOut')
    expect(server.made('POST /api/chat/stream')).toHaveLength(1)
  })

  it('signs nobody out while the server is in trouble', async () => {
    await open()
    server.signedIn = false
    server.replies['POST /api/auth/refresh'] = problem(503, 'Later.')
    await send('Why?')
    expect(app.phase.value).toBe('ready')
  })
})

describe('an answer', () => {
  it('is asked for with the version of the stream that the page understands', async () => {
    await open()
    await send('Why?')
    const [call] = server.made('POST /api/chat/stream')
    expect(call?.body).toEqual({ message: 'Why?' })
    expect(call?.headers.get('X-NovaCore-Stream')).toBe('2')
    expect(call?.headers.get('Content-Type')).toBe('application/json')
  })

  it('is painted once per frame however many words come', async () => {
    await open()
    await send('Why?')
    await server.stream().start()
    for (const word of ['Be', 'cau', 'se.']) await server.stream().send({ content: word, done: false })
    expect(browser.frames).toBe(1)
    expect(lastTurn().answer).toBe('')
    browser.paint()
    expect(lastTurn().answer).toBe('Because.')
  })

  it('names the provider in the same frame as its first word', async () => {
    await open()
    await send('Why?')
    await server.stream().start()
    await server.stream().send({ ...ROUTE, state: 'streaming' }, 'route')
    await server.stream().send({ content: 'Be', done: false })
    browser.paint()
    expect(lastTurn()).toMatchObject({ answer: 'Be', provider: 'ollama' })
  })

  it('is whole at once when the stream ends, without waiting for a frame', async () => {
    await open()
    await send('Why?')
    await server.stream().start()
    await server.stream().send({ ...ROUTE, state: 'streaming' }, 'route')
    await server.stream().send({ content: 'Because.', done: false })
    await server.stream().done()
    expect(lastTurn()).toMatchObject({ answer: 'Because.', status: 'complete' })
    expect(app.spoken.value).toBe('Answer complete.')
  })

  it('gives a new conversation its address, its place in the list and its further messages', async () => {
    await open()
    const thread = app.thread.value
    await send('Why?')
    server.sessions = [session()]
    await server.stream().start()
    expect(browser.hash).toBe('#/chat/s1')
    expect(app.thread.value).toBe(thread)
    expect([...app.streaming.value]).toEqual(['s1'])
    await server.stream().done()
    expect(app.conversations.items.value.map((each) => each.id)).toEqual(['s1'])
    expect(app.streaming.value.size).toBe(0)
    await send('And why that?')
    expect(server.made('POST /api/chat/stream')[1]?.body).toEqual({
      message: 'And why that?',
      session_id: 's1',
      parent_id: 'm1',
    })
  })

  it('goes on while the reader looks at another conversation', async () => {
    server.sessions = [session({ id: 's2' })]
    server.prompts = { s2: [prompt({ id: 'm2', session_id: 's2' })] }
    await open()
    await send('Why?')
    await server.stream().start()
    browser.go('#/chat/s2')
    await settle()
    expect(lastTurn().id).toBe('m2')
    await server.stream().send({ ...ROUTE, state: 'streaming' }, 'route')
    await server.stream().send({ content: 'Because.', done: false })
    await server.stream().done()
    browser.go('#/chat/s1')
    expect(lastTurn()).toMatchObject({ id: 'm1', answer: 'Because.', status: 'complete' })
  })

  it('is not asked for twice at a time in one conversation', async () => {
    await open()
    await send('Why?')
    await send('Why not?')
    expect(server.streams).toHaveLength(1)
    expect(turns()).toHaveLength(1)
  })
})

describe('an answer whose connection is lost', () => {
  const follows = () => server.made('GET /api/chat/stream/m1').map((call) => call.headers.get('Last-Event-ID'))

  async function cutAfter(...words: string[]): Promise<void> {
    await open()
    await send('Why?')
    await server.stream().start()
    await server.stream().send({ ...ROUTE, state: 'streaming' }, 'route')
    for (const word of words) await server.stream().send({ content: word, done: false })
    await server.stream().cut()
  }

  it('goes on where it was, and nothing of it is doubled', async () => {
    await cutAfter('Be', 'cau')
    expect(lastTurn()).toMatchObject({ answer: 'Becau', status: 'running', link: 'away' })
    expect(app.spoken.value).toContain('Connection lost')
    await browser.pass(250)
    expect(follows()).toEqual(['4'])
    await server.stream().after(4).send({ content: 'se.', done: false })
    server.prompts = { s1: [prompt()] }
    await server.stream().done()
    expect(lastTurn()).toMatchObject({ answer: 'Because.', status: 'complete', link: 'here' })
  })

  it('waits longer each time it fails, until something comes, and tries at once when the network is there', async () => {
    await cutAfter('Be')
    server.down = true
    await browser.pass(250)
    expect(follows()).toHaveLength(1)
    await browser.pass(499)
    expect(follows()).toHaveLength(1)
    await browser.pass(1)
    expect(follows()).toHaveLength(2)
    server.down = false
    browser.online()
    await settle()
    expect(follows()).toHaveLength(3)
    await server.stream().after(3).send({ content: 'cau', done: false })
    await server.stream().cut()
    await browser.pass(250)
    expect(follows()).toHaveLength(4)
  })

  it('is there again with the first sign of life, before a word', async () => {
    await cutAfter('Be')
    await browser.pass(250)
    await server.stream().raw(': heartbeat\n\n')
    expect(lastTurn().link).toBe('here')
    expect(app.spoken.value).toBe('Connected again.')
  })

  it('is taken for lost when not even a heartbeat comes', async () => {
    await open()
    await send('Why?')
    await server.stream().start()
    await browser.pass(SILENCE_LIMIT_MS - 1)
    await server.stream().raw(': heartbeat\n\n')
    await browser.pass(SILENCE_LIMIT_MS - 1)
    expect(lastTurn().link).toBe('here')
    await browser.pass(1)
    expect(lastTurn().link).toBe('away')
    expect(server.stream().left).toBe(true)
  })

  it('takes what was stored where the server knows its stream no more', async () => {
    await cutAfter('Be')
    server.prompts = { s1: [prompt({ status: 'stopped', output_text: 'Because' })] }
    await browser.pass(250)
    const stream = server.stream().after(3)
    await stream.start()
    await stream.send({ content: 'Because' }, 'replace')
    await stream.send({ input_tokens: 1, output_tokens: 2 }, 'usage')
    await stream.done()
    expect(lastTurn()).toMatchObject({ answer: 'Because', status: 'stopped', whole: false })
  })

  it('remembers who spoke where the server ended before it had stored that', async () => {
    await cutAfter('Be', 'cau')
    const nobody = { provider: null, model: null, locality: null }
    server.prompts = { s1: [prompt({ ...nobody, status: 'interrupted', output_text: 'Be' })] }
    await browser.pass(250)
    const stream = server.stream().after(4)
    await stream.start()
    await stream.send({ content: 'Be' }, 'replace')
    await stream.send({ error: 'The answer broke off.', done: true })
    expect(lastTurn()).toMatchObject({ answer: 'Be', status: 'interrupted', provider: 'ollama', locality: 'local' })
  })

  it('keeps what had arrived where nobody has it any more', async () => {
    await cutAfter('Be')
    server.replies['GET /api/chat/stream/m1'] = problem(404, 'There is no such message.')
    await browser.pass(250)
    expect(lastTurn()).toMatchObject({ answer: 'Be', status: 'interrupted' })
  })

  it('brings a stop to the server as soon as it can', async () => {
    await cutAfter('Be')
    server.down = true
    app.stop()
    await browser.pass(250)
    expect(lastTurn()).toMatchObject({ stopping: true, status: 'running' })
    server.down = false
    browser.online()
    await settle()
    server.calls = []
    await server.stream().raw(': heartbeat\n\n')
    expect(server.made('POST /api/chat/messages/m1/stop')).toHaveLength(1)
  })
})

describe('a message that is sent while nobody can be reached', () => {
  const sent = () => server.made('POST /api/chat/stream')

  async function offline(): Promise<void> {
    await open()
    server.down = true
    await send('Why?')
  }

  it('waits, and is sent under the same key until it arrives', async () => {
    await offline()
    expect(lastTurn()).toMatchObject({ link: 'unsent', status: 'running' })
    await browser.pass(250)
    server.down = false
    browser.online()
    await settle()
    await server.stream().start()
    browser.paint()
    expect(lastTurn()).toMatchObject({ id: 'm1', link: 'here' })
    expect(sent()).toHaveLength(3)
    expect(new Set(sent().map((call) => call.headers.get('Idempotency-Key'))).size).toBe(1)
    expect(turns()).toHaveLength(1)
  })

  it('can be taken back', async () => {
    await offline()
    app.stop()
    await settle()
    expect(turns()).toEqual([])
    expect(app.thread.value.draft.value).toBe('Why?')
    server.down = false
    await browser.pass(10_000)
    expect(sent()).toHaveLength(1)
    await send('Why?')
    expect(sent()).toHaveLength(2)
  })

  it('is sent by the page that comes after a reload, as the same message', async () => {
    await offline()
    const [first] = sent()
    app = createApp(browser.env(server))
    server.down = false
    await open()
    const second = sent().at(-1)
    expect(second?.body).toEqual({ message: 'Why?' })
    expect(second?.headers.get('Idempotency-Key')).toBe(first?.headers.get('Idempotency-Key'))
    await server.stream().start()
    app = createApp(browser.env(server))
    const before = sent().length
    await open()
    expect(sent()).toHaveLength(before)
  })

  it.each(['running', 'complete'] as const)(
    'is one message where the history has it already, %s, though its name had not arrived',
    async (status) => {
      server.prompts = { s1: [prompt({ id: 'm0' })] }
      await open('#/chat/s1')
      await send('Why?')
      app = createApp(browser.env(server))
      const said = status === 'running' ? '' : 'Because.'
      server.prompts.s1?.push(prompt({ id: 'm1', parent_id: 'm0', status, output_text: said }))
      await open('#/chat/s1')
      expect(sent()).toHaveLength(2)
      const stream = server.stream()
      await stream.start()
      await stream.send({ content: 'Because.', done: false })
      await stream.send({ input_tokens: 1, output_tokens: 2 }, 'usage')
      server.prompts = { s1: [prompt({ id: 'm0' }), prompt({ id: 'm1', parent_id: 'm0' })] }
      await stream.done()
      expect(turns().map((turn) => [turn.id, turn.answer, turn.status])).toEqual([
        ['m0', 'Because.', 'complete'],
        ['m1', 'Because.', 'complete'],
      ])
      expect(app.thread.value.path.value).toHaveLength(2)
      browser.back()
      await settle()
      expect(sent()).toHaveLength(2)
    },
  )

  it('goes on waiting while a proxy says that the server is away', async () => {
    await offline()
    server.down = false
    server.replies['POST /api/chat/stream'] = problem(502, '')
    await browser.pass(250)
    expect(lastTurn().link).toBe('unsent')
  })
})

describe('an answer that runs on the server', () => {
  beforeEach(async () => {
    server.prompts = { s1: [prompt({ status: 'running', output_text: 'Be' })] }
    await open('#/chat/s1')
  })

  it('is followed from its beginning, and keeps its words until that is told', async () => {
    expect(server.made('GET /api/chat/stream/m1')[0]?.headers.get('Last-Event-ID')).toBe('0')
    expect(lastTurn().answer).toBe('Be')
    const stream = server.stream()
    await stream.start()
    await stream.send({ ...ROUTE, state: 'streaming' }, 'route')
    await stream.send({ content: 'Becau', done: false })
    browser.paint()
    expect(lastTurn()).toMatchObject({ answer: 'Becau', provider: 'ollama', whole: true })
    server.prompts = { s1: [prompt()] }
    await stream.send({ content: 'se.', done: false })
    await stream.send({ ...ROUTE, state: 'succeeded' }, 'route')
    await stream.done()
    expect(lastTurn()).toMatchObject({ answer: 'Because.', status: 'complete' })
    expect(app.streaming.value.size).toBe(0)
  })

  it('is read once, however often the reader comes back', async () => {
    browser.back()
    browser.back()
    await settle()
    expect(server.streams).toHaveLength(1)
  })

  it('is seen when the reader comes back to a page on which nothing ran', async () => {
    await server.stream().start()
    server.prompts = { s1: [prompt()] }
    await server.stream().done()
    server.prompts = { s1: [prompt(), prompt({ id: 'm2', parent_id: 'm1', status: 'running', output_text: '' })] }
    browser.back()
    await settle()
    expect(server.made('GET /api/chat/stream/m2')).toHaveLength(1)
    expect(turns()).toHaveLength(2)
  })
})

describe('branches', () => {
  const shown = () => app.thread.value.path.value.map((step) => step.item.turn.value.question)

  beforeEach(async () => {
    server.prompts = {
      s1: [prompt({ input_text: 'One' }), prompt({ id: 'm2', parent_id: 'm1', input_text: 'Two' })],
    }
    await open('#/chat/s1')
  })

  it('begin with other words in the same place, and can be left and found again', async () => {
    app.edit(lastTurn(), 'Other two')
    await settle()
    expect(server.made('POST /api/chat/stream')[0]?.body).toEqual({
      message: 'Other two',
      session_id: 's1',
      parent_id: 'm1',
    })
    expect(shown()).toEqual(['One', 'Other two'])
    const [step] = app.thread.value.path.value.slice(-1)
    expect([step?.place, step?.siblings.length]).toEqual([1, 2])
    app.show(step?.siblings[0] as never)
    expect(shown()).toEqual(['One', 'Two'])
  })

  it('begin at the first message too, whose parent is the conversation itself', async () => {
    app.regenerate(turns()[0] as Turn, 'cloud')
    await settle()
    expect(server.made('POST /api/chat/stream')[0]?.body).toEqual({
      message: 'One',
      session_id: 's1',
      parent_id: 's1',
      prefer: 'cloud',
    })
    expect(shown()).toEqual(['One'])
  })

  it('are gone again where the server does not take them, and no words are doubled', async () => {
    server.replies['POST /api/chat/stream'] = problem(429, 'Wait.')
    app.regenerate(lastTurn(), null)
    await settle()
    expect(shown()).toEqual(['One', 'Two'])
    expect(app.thread.value.draft.value).toBe('')
    expect(app.thread.value.refusal.value).toBe('Wait.')
  })
})

describe('going on with an answer', () => {
  beforeEach(async () => {
    server.prompts = { s1: [prompt({ status: 'interrupted', output_text: 'Be' })] }
    await open('#/chat/s1')
    app.goOn(lastTurn())
    await settle()
  })

  it('runs it again behind the words that are there', async () => {
    expect(lastTurn()).toMatchObject({ status: 'running', answer: 'Be' })
    const stream = server.stream()
    await stream.start()
    await stream.send({ content: 'Be' }, 'replace')
    await stream.send({ ...ROUTE, state: 'streaming' }, 'route')
    await stream.send({ content: 'cause.', done: false })
    await stream.send({ ...ROUTE, state: 'succeeded' }, 'route')
    await stream.done()
    expect(lastTurn()).toMatchObject({ status: 'complete', answer: 'Because.' })
  })

  it('asks what became of it where the connection was lost before the first event', async () => {
    await server.stream().cut()
    await browser.pass(250)
    expect(server.made('POST /api/chat/messages/m1/continue')).toHaveLength(1)
    expect(server.made('GET /api/chat/stream/m1')[0]?.headers.get('Last-Event-ID')).toBe('0')
  })
})

describe('going on with an answer that the server turns down', () => {
  it('leaves it as it was, and says why', async () => {
    server.prompts = { s1: [prompt({ status: 'interrupted', output_text: 'Be' })] }
    server.replies['POST /api/chat/messages/m1/continue'] = problem(409, 'This session has ended.')
    await open('#/chat/s1')
    app.goOn(lastTurn())
    await settle()
    expect(lastTurn()).toMatchObject({ status: 'interrupted', answer: 'Be' })
    expect(app.thread.value.refusal.value).toBe('This session has ended.')
    expect(app.spoken.value).toBe('')
  })
})

describe('the lock', () => {
  it('is learnt when a conversation is opened', async () => {
    server.prompts = { s1: [prompt()] }
    server.locked = { s1: true }
    await open('#/chat/s1')
    expect(app.thread.value.locked.value).toBe(true)
    expect(server.made('POST /api/chat/route/explain')[0]?.body).toEqual({
      message: '?',
      use_memory: false,
      session_id: 's1',
    })
  })

  it('locks a new conversation before its first word', async () => {
    await open()
    await app.setLock(true)
    expect(server.made('POST /api/chat/route/explain').at(-1)?.body).toMatchObject({ local_only: true })
    await send('Why?')
    expect(server.made('POST /api/chat/sessions')[0]?.body).toEqual({ local_only: true })
    expect(server.made('POST /api/chat/stream')[0]?.body).toEqual({ message: 'Why?', session_id: 's9' })
  })

  it('sends nothing where the locked conversation cannot be begun', async () => {
    await open()
    await app.setLock(true)
    server.replies['POST /api/chat/sessions'] = problem(503, 'Later.')
    app.thread.value.draft.value = 'Why?'
    await send('Why?')
    expect(server.streams).toHaveLength(0)
    expect(app.thread.value.draft.value).toBe('Why?')
    expect(app.thread.value.refusal.value).toBe('Later.')
  })

  it('says whom it cut off', async () => {
    server.prompts = { s1: [prompt()] }
    server.cutOff = [{ message_id: 'm1', provider: 'gemini', model: 'gemini-2.5-flash' }]
    await open('#/chat/s1')
    await app.setLock(true)
    expect(app.thread.value.cutOff.value).toContain('Gemini was cut off.')
    expect(app.spoken.value).toContain('Locked')
    expect(app.spoken.value).toContain('Gemini was cut off.')
  })

  it('stays as it was where the server does not change it', async () => {
    server.prompts = { s1: [prompt()] }
    await open('#/chat/s1')
    server.replies['PATCH /api/chat/sessions/s1'] = problem(503, 'Later.')
    await app.setLock(true)
    expect(app.thread.value.locked.value).toBe(false)
    expect(app.thread.value.refusal.value).toBe('Later.')
  })

  it('is how conversations begin where the reader wants it so', async () => {
    await open()
    app.setLockDefault(true)
    expect(app.thread.value.locked.value).toBe(true)
    app = createApp(browser.env(server))
    await open()
    expect([app.lockDefault.value, app.thread.value.locked.value]).toEqual([true, true])
  })
})

describe('a message that was not taken', () => {
  it('comes back to where it was written, with the reason of the server', async () => {
    await open()
    server.replies['POST /api/chat/stream'] = problem(429, 'Wait 12 seconds.')
    await send('Why?')
    expect(turns()).toEqual([])
    expect(app.thread.value.draft.value).toBe('Why?')
    expect(app.thread.value.refusal.value).toBe('Wait 12 seconds.')
  })

  it('comes back above what was written since', async () => {
    await open()
    server.replies['POST /api/chat/stream'] = problem(429, 'Wait.')
    app.send('Why?')
    app.thread.value.draft.value = 'Or how?'
    await settle()
    expect(app.thread.value.draft.value).toBe('Why?\n\nOr how?')
    expect(app.thread.value.refusal.value).toBe('Wait.')
  })

  it('is explained no more once the next one was sent', async () => {
    await open()
    server.replies['POST /api/chat/stream'] = problem(422, '')
    await send('Why?')
    expect(app.thread.value.refusal.value).toBe('A problem')
    server.replies = {}
    await send('Why?')
    expect(app.thread.value.refusal.value).toBe('')
  })
})

describe('stopping', () => {
  it('is under way until the stream has ended', async () => {
    await open()
    await send('Why?')
    await server.stream().start()
    await server.stream().send({ content: 'Be', done: false })
    app.stop()
    app.stop()
    await settle()
    expect(server.made('POST /api/chat/messages/m1/stop')).toHaveLength(1)
    expect(lastTurn()).toMatchObject({ status: 'running', stopping: true, answer: 'Be' })
    await server.stream().done()
    expect(lastTurn()).toMatchObject({ status: 'stopped', stopping: false, answer: 'Be' })
    expect(app.spoken.value).toBe('Answer stopped.')
  })

  it('waits for the name of the message', async () => {
    await open()
    await send('Why?')
    app.stop()
    await settle()
    expect(server.calls.some((call) => call.path.endsWith('/stop'))).toBe(false)
    await server.stream().start()
    expect(server.made('POST /api/chat/messages/m1/stop')).toHaveLength(1)
  })

  it('is asked for again where the server could not take it, until the answer has ended', async () => {
    await open()
    await send('Why?')
    await server.stream().start()
    server.replies['POST /api/chat/messages/m1/stop'] = problem(503, '')
    app.stop()
    await settle()
    await browser.pass(STOP_AGAIN_MS)
    const stops = () => server.made('POST /api/chat/messages/m1/stop').length
    expect([stops(), lastTurn().stopping]).toEqual([2, true])
    await server.stream().done()
    await browser.pass(STOP_AGAIN_MS)
    expect([stops(), lastTurn().status]).toEqual([2, 'stopped'])
  })

  it('also ends an answer that another window is reading', async () => {
    server.prompts = { s1: [prompt({ status: 'running', output_text: 'Be' })] }
    await open('#/chat/s1')
    app.stop()
    await settle()
    expect(server.made('POST /api/chat/messages/m1/stop')).toHaveLength(1)
    expect(lastTurn().stopping).toBe(true)
  })
})

describe('a stored conversation', () => {
  it('is opened by its address', async () => {
    server.prompts = { s1: [prompt(), prompt({ id: 'm2', input_text: 'And?' })] }
    await open('#/chat/s1')
    expect(turns().map((turn) => turn.question)).toEqual(['Why?', 'And?'])
    expect(app.thread.value.loading.value).toBe('ready')
  })

  it('says so when it does not exist, and can be tried again', async () => {
    await open('#/chat/s1')
    expect(app.thread.value.loading.value).toBe('failed')
    expect(app.thread.value.problem.value).toBe('It does not exist, or it is not yours.')
    server.prompts = { s1: [prompt()] }
    app.reload()
    await settle()
    expect(turns()).toHaveLength(1)
  })

  it('keeps a draft of its own, also over a reload of the page', async () => {
    server.prompts = { s1: [prompt()] }
    await open('#/chat/s1')
    app.thread.value.draft.value = 'half a thought'
    app.newChat()
    expect(app.thread.value.draft.value).toBe('')
    app.thread.value.draft.value = 'another'
    app = createApp(browser.env(server))
    await open('#/chat/s1')
    expect(app.thread.value.draft.value).toBe('half a thought')
    app.newChat()
    expect(app.thread.value.draft.value).toBe('another')
  })

  it('is called by its title, and before it has one by its first question', async () => {
    server.prompts = { s1: [prompt()] }
    await open('#/chat/s1')
    expect(app.title.value).toBe('Why?')
    server.sessions = [session({ title: 'On reasons' })]
    await app.conversations.refresh()
    expect(app.title.value).toBe('On reasons')
    app.newChat()
    expect(app.title.value).toBe('New chat')
  })
})
