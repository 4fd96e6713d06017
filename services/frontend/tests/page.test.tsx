import { render } from 'preact'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createApp, type App } from '../src/state/app'
import { Page } from '../src/ui/Page'
import { loadMarkdown } from '../src/ui/Prose'
import { FakeBrowser, FakeServer, GOOD, problem, settle } from './fake'
import { explained, prompt, session, storedAttempt, storedRoute } from './make'

let server: FakeServer
let browser: FakeBrowser
let app: App
let root: HTMLElement

const OLLAMA = {
  message_id: 'm1',
  attempt: 1,
  provider: 'ollama',
  model: 'llama3.2:3b',
  locality: 'local',
  sent: false,
}
const GEMINI = {
  message_id: 'm1',
  attempt: 2,
  provider: 'gemini',
  model: 'gemini-2.5-flash',
  locality: 'cloud' as const,
  sent: true,
}

beforeAll(loadMarkdown)

beforeEach(() => {
  server = new FakeServer()
  browser = new FakeBrowser()
  app = createApp(browser.env(server))
  root = document.createElement('div')
  document.body.replaceChildren(root)
})

afterEach(() => render(null, root))

/** Preact draws in a task of its own. */
async function drawn(): Promise<void> {
  browser.paint()
  await settle()
  await new Promise((done) => setTimeout(done, 0))
  await settle()
}

async function open(fragment = ''): Promise<void> {
  browser.hash = fragment
  render(<Page app={app} />, root)
  await app.open()
  await drawn()
}

function one<Kind extends Element = HTMLElement>(selector: string): Kind {
  const found = root.querySelectorAll<Kind>(selector)
  if (found.length !== 1) throw new Error(`${found.length} elements match ${selector}`)
  return found[0] as Kind
}

function button(name: string): HTMLButtonElement {
  const found = [...root.querySelectorAll('button')].find((each) => each.textContent?.trim().startsWith(name))
  if (!found) throw new Error(`there is no button ${name}`)
  return found
}

async function write(text: string): Promise<void> {
  const box = one<HTMLTextAreaElement>('textarea')
  box.value = text
  box.dispatchEvent(new Event('input', { bubbles: true }))
  await drawn()
}

async function press(key: string, more: KeyboardEventInit = {}): Promise<KeyboardEvent> {
  const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more })
  one('textarea').dispatchEvent(event)
  await drawn()
  return event
}

async function ask(text: string): Promise<void> {
  await write(text)
  await press('Enter')
}

const chip = () => one('.chip').textContent?.replace(/\s+/g, ' ').trim()

describe('the composer', () => {
  it('sends with Enter and is empty afterwards', async () => {
    await open()
    await ask('  Why?  ')
    expect(server.made('POST /api/chat/stream')[0]?.body).toEqual({ message: 'Why?' })
    expect(one<HTMLTextAreaElement>('textarea').value).toBe('')
    expect(one('.question').textContent).toBe('Why?')
  })

  it('makes a new line with Shift and Enter, and sends nothing empty', async () => {
    await open()
    await write('Why?')
    expect((await press('Enter', { shiftKey: true })).defaultPrevented).toBe(false)
    await write(' \n ')
    await press('Enter')
    expect(button('Send').getAttribute('aria-disabled')).toBe('true')
    expect(server.streams).toHaveLength(0)
  })

  it('leaves Enter to an input method that is composing', async () => {
    await open()
    await write('何故')
    await press('Enter', { isComposing: true })
    await press('Enter', { keyCode: 229 })
    expect(server.streams).toHaveLength(0)
  })

  it('shows why a message was not taken and gives it back', async () => {
    server.replies['POST /api/chat/stream'] = problem(429, 'Wait 12 seconds.')
    await open()
    await ask('Why?')
    expect(one('[role=alert]').textContent).toContain('Wait 12 seconds.')
    expect(one<HTMLTextAreaElement>('textarea').value).toBe('Why?')
  })

  it('stops with Escape, and says Stopping until the stream has ended', async () => {
    await open()
    await ask('Why?')
    await server.stream().start()
    await press('Escape')
    expect(button('Stopping…').getAttribute('aria-disabled')).toBe('true')
    await server.stream().done()
    await drawn()
    expect(one('.mark-stopped').textContent).toBe('Stopped')
    expect(button('Send')).toBeTruthy()
  })

  it('does not take the second click of a double click on Send for a stop', async () => {
    await open()
    await ask('Why?')
    button('Stop').dispatchEvent(new MouseEvent('click', { bubbles: true, detail: 2 }))
    await drawn()
    expect(button('Stop').textContent).toBe('Stop')
    button('Stop').dispatchEvent(new MouseEvent('click', { bubbles: true, detail: 1 }))
    await drawn()
    expect(button('Stopping…')).toBeTruthy()
  })
})

describe('the chip under an answer', () => {
  it('follows the answer from its first second to its last', async () => {
    await open()
    await ask('Why?')
    expect(chip()).toBe('Where this answer came from: Choosing a provider…')
    await server.stream().start()
    await server.stream().send({ ...OLLAMA, state: 'connecting' }, 'route')
    await drawn()
    expect(chip()).toBe('Where this answer came from: Trying Ollama…')
    await server.stream().send({ ...OLLAMA, state: 'failed', reason: 'connect_refused' }, 'route')
    await server.stream().send({ ...GEMINI, state: 'streaming' }, 'route')
    await server.stream().send({ content: 'Because.', done: false })
    await drawn()
    expect(chip()).toBe('Where this answer came from: Cloud · Gemini · gemini-2.5-flash · instead of Ollama (not running) · first word after < 0.1 s')
    expect(one('[role=status]').textContent).toBe('Ollama failed, answering with Gemini (cloud).')
    await server.stream().send({ ...GEMINI, state: 'succeeded' }, 'route')
    await server.stream().done()
    await drawn()
    expect(chip()).toBe('Where this answer came from: Cloud · Gemini · gemini-2.5-flash · instead of Ollama (not running) · 2.1 s')
  })

  it('opens a panel with every attempt, who was left out, and what left this machine', async () => {
    const failed = storedAttempt({
      outcome: 'failed',
      reason: 'first_token_timeout',
      first_token_ms: null,
      ended_ms: 2_000,
    })
    const gemini = storedAttempt({
      ...GEMINI,
      outcome: 'succeeded',
      started_ms: 2_000,
      first_token_ms: 2_400,
      ended_ms: 3_400,
    })
    const openai = { provider: 'openai', model: 'gpt-4.1', locality: 'cloud', reason: 'not_configured' } as const
    server.routes = { m1: storedRoute({ attempts: [failed, gemini], skipped: [openai], cost_usd: 0.00042 }) }
    server.prompts = { s1: [prompt({ provider: 'gemini', model: 'gemini-2.5-flash', locality: 'cloud' })] }
    await open('#/chat/s1')
    expect(server.made('GET /api/chat/messages/m1/route')).toHaveLength(0)
    expect(one('.chip').getAttribute('aria-expanded')).toBe('false')
    one('.chip').click()
    await drawn()
    expect(one('.chip').getAttribute('aria-expanded')).toBe('true')
    expect(one('.chip').getAttribute('aria-controls')).toBe(one('.panel').id)
    const steps = [...root.querySelectorAll('.step')].map((each) => each.textContent?.replace(/\s+/g, ' '))
    expect(steps).toEqual([
      'Ollama llama3.2:3bLocal · Failed · took 2.0 sIt did not begin to answer in time.',
      'Gemini gemini-2.5-flashCloud · Answered · took 1.4 s',
      'OpenAI gpt-4.1Cloud · SkippedIt is not set up.',
    ])
    expect(one('.figures').textContent).toBe('First word2.4 sTotal2.1 sTokens7Cost$0.00042')
    expect(one('.privacy').textContent).toBe('This conversation was sent to Gemini.')
  })

  it('says that nothing left this machine where that is so', async () => {
    server.prompts = { s1: [prompt()] }
    await open('#/chat/s1')
    one('.chip').click()
    await drawn()
    expect(one('.privacy').textContent).toBe('Nothing in this message left this machine.')
  })

  it('claims nothing about privacy while it does not know', async () => {
    server.prompts = { s1: [prompt()] }
    server.replies['GET /api/chat/messages/m1/route'] = problem(503, '')
    await open('#/chat/s1')
    one('.chip').click()
    await drawn()
    expect(root.querySelector('.privacy')).toBeNull()
    expect(one('.panel').textContent).toBe('The details could not be loaded.')
  })

  it('does not claim that nothing left where the connection was lost before the end of the trail', async () => {
    server.replies['GET /api/chat/messages/m1/route'] = problem(503, '')
    await open()
    await ask('Why?')
    await server.stream().start()
    await server.stream().send({ ...OLLAMA, state: 'streaming' }, 'route')
    await server.stream().cut()
    await drawn()
    one('.chip').click()
    await drawn()
    expect(one('.step').textContent).toContain('Ollama')
    expect(root.querySelector('.privacy')).toBeNull()
  })
})

describe('the lock in the composer', () => {
  const lock = () => one('[role=switch]')
  const privacy = () => one('.privacy-line').textContent
  const gemini = { provider: 'gemini', model: 'gemini-2.5-flash', locality: 'cloud', reason: 'cloud_disabled' } as const

  it('says what will happen to the next message', async () => {
    await open()
    expect(privacy()).toBe('Answered here, or by Gemini if need be')
    lock().click()
    await drawn()
    expect([lock().getAttribute('aria-checked'), privacy()]).toEqual(['true', 'Stays on this machine'])
    expect(one('[role=status]').textContent).toContain('Locked')
  })

  it('asks once before it is opened, and says what that lets go', async () => {
    server.prompts = { s1: [prompt()] }
    server.locked = { s1: true }
    server.sendable = { messages: 3, stay_local: 1 }
    await open('#/chat/s1')
    lock().click()
    await drawn()
    expect(one('dialog').textContent).toContain('3 messages with all that was said in them may then be sent')
    expect(one('dialog').textContent).toContain('1 message stays here whatever you choose.')
    expect(server.made('PATCH /api/chat/sessions/s1')).toHaveLength(0)
    button('Allow the cloud').click()
    await drawn()
    expect(root.querySelector('dialog')).toBeNull()
    expect(server.made('PATCH /api/chat/sessions/s1').map((call) => call.body)).toEqual([{ local_only: false }])
    expect(lock().getAttribute('aria-checked')).toBe('false')
  })

  it('cannot open what the operator has closed', async () => {
    server.explained = explained({ locks: ['deployment'], skipped: [gemini] })
    await open()
    expect(lock().getAttribute('aria-checked')).toBe('true')
    expect(privacy()).toBe('Stays local: the cloud is switched off on this server')
    lock().click()
    await drawn()
    expect(root.querySelector('dialog')).toBeNull()
    expect(app.thread.value.locked.value).toBe(false)
  })

  it('tells your network from this machine', async () => {
    const [ollama] = explained().attempts
    if (!ollama) throw new Error('there is one')
    server.explained = explained({ attempts: [{ ...ollama, on_this_machine: false }] })
    await open()
    expect(privacy()).toBe('Stays in your network')
  })
})

describe('an answer that was refused', () => {
  it('says that nothing was sent, and offers to open the lock where it is the reader\'s own', async () => {
    const said = 'The cloud is not allowed for this message. Nothing was sent anywhere.'
    server.locked = { s1: true }
    server.prompts = { s1: [prompt({ provider: null, locality: null, status: 'fallback', output_text: said })] }
    const gemini = { provider: 'gemini', model: 'gemini-2.5-flash', locality: 'cloud', reason: 'local_only' } as const
    server.routes = { m1: storedRoute({ attempts: [], skipped: [gemini] }) }
    await open('#/chat/s1')
    app.routes.want('m1')
    await drawn()
    expect(one('.note').textContent).toContain('No local model could answer')
    expect(one('.note').textContent).toContain('Nothing was sent anywhere.')
    button('Allow the cloud for this conversation').click()
    await drawn()
    expect(one('dialog').textContent).toContain('Allow the cloud for this conversation?')
  })
})

describe('the states of the page', () => {
  it('invites where nothing was said yet', async () => {
    server.role = 'user'
    await open()
    expect(one('.centre h2').textContent).toBe('What would you like to know?')
    expect(document.title).toBe('New chat · NovaCore')
  })

  it('says how to get a sign-in link', async () => {
    server.signedIn = false
    await open('#signin=old')
    expect(one('main').textContent).toContain('Open the sign-in link that make up printed in your terminal.')
    expect(one('[role=alert]').textContent).toContain('already used or has expired')
  })

  it('says that no provider answered, in the words of the server', async () => {
    const nobody = { provider: null, model: null, locality: null, tokens_used: 0, output_text: 'Try again later.' }
    server.prompts = { s1: [prompt({ ...nobody, status: 'fallback' })] }
    await open('#/chat/s1')
    expect(one('.note').textContent).toBe('No provider answeredTry again later.Try again')
    expect(chip()).toContain('No answer')
  })

  it('opens nothing that is not there as if it were the first start', async () => {
    await open('#/chat/none')
    expect(root.textContent).toContain('This conversation could not be opened')
    expect(root.textContent).not.toContain('Welcome')
  })

  it('keeps the text of an interrupted answer and says that it was cut off', async () => {
    server.prompts = { s1: [prompt({ status: 'interrupted', output_text: 'Half of' })] }
    await open('#/chat/s1')
    expect(one('.markdown').textContent).toBe('Half of')
    expect(one('.note').textContent).toContain('Interrupted')
  })

  it('reads a live failure aloud, and a stored one not', async () => {
    server.prompts = { s1: [prompt({ status: 'failed', output_text: '' })] }
    await open('#/chat/s1')
    expect(root.querySelector('[role=alert]')).toBeNull()
    await ask('Why?')
    await server.stream().start('m2')
    await server.stream().send({ error: 'No room.', done: true })
    await drawn()
    expect(one('[role=alert]').textContent).toContain('No room.')
  })

  it('tells of the demonstration model once it has answered, until that is dismissed', async () => {
    server.prompts = { s1: [prompt({ model: 'smollm2:135m' })] }
    await open('#/chat/s1')
    expect(one('.notice').textContent).toContain('GEMINI_API_KEY')
    button('Dismiss this notice').click()
    await drawn()
    expect(root.querySelector('.notice')).toBeNull()
    app = createApp(browser.env(server))
    await open('#/chat/s1')
    expect(root.querySelector('.notice')).toBeNull()
  })

  it('does not read an answer aloud as it grows', async () => {
    server.prompts = { s1: [prompt()] }
    await open('#/chat/s1')
    expect(one('[role=log]').getAttribute('aria-live')).toBe('off')
    expect(root.querySelectorAll('[role=status]')).toHaveLength(1)
  })

  it('lists conversations as links and marks the open one', async () => {
    server.sessions = [session(), session({ id: 's2', title: null })]
    server.prompts = { s1: [prompt()] }
    await open('#/chat/s1')
    const links = [...root.querySelectorAll('nav a')]
    expect(
      links.map((each) => [each.textContent, each.getAttribute('href'), each.getAttribute('aria-current')]),
    ).toEqual([
      ['Why', '#/chat/s1', 'page'],
      ['Untitled', '#/chat/s2', null],
    ])
  })
})

describe('the form to come in', () => {
  it('has a name and a password that a password manager knows, and says what was wrong', async () => {
    server.signedIn = false
    await open()
    expect(one('h1').textContent).toBe('Sign in to NovaCore')
    expect(one<HTMLInputElement>('input[name=name]').autocomplete).toBe('username')
    expect(one<HTMLInputElement>('input[type=password]').autocomplete).toBe('current-password')
    one<HTMLInputElement>('input[name=name]').value = 'Ada'
    one<HTMLInputElement>('input[type=password]').value = 'wrong'
    one('form').dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }))
    await drawn()
    expect(one('[role=alert]').textContent).toBe('The name or the password is not right.')
    one<HTMLInputElement>('input[type=password]').value = GOOD
    one('form').dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }))
    await drawn()
    expect(one('textarea')).toBeTruthy()
  })

  it('asks for a password alone after a reset', async () => {
    server.signedIn = false
    await open('#reset=good')
    expect(root.querySelectorAll('input')).toHaveLength(1)
    expect(one<HTMLInputElement>('input').autocomplete).toBe('new-password')
  })

  it('is offered to who has no password yet, and can be left', async () => {
    server.hasPassword = false
    await open()
    button('Choose a password').click()
    await drawn()
    expect(one('h1').textContent).toBe('Choose a name and a password')
    button('Not now').click()
    await drawn()
    expect(one('textarea')).toBeTruthy()
  })
})
