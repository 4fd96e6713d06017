/** Bringing messages to the server, and the answers that this page reads: one at a time in each conversation. */

import { signal, type Signal } from '@preact/signals'
import type { Api, Message, Source } from '../api/chat'
import type { Locality } from '../api/types'
import { choose } from '../core/branches'
import { newTurn, type Turn } from '../core/turn'
import { t } from '../strings'
import { Answer } from './answer'
import type { Env } from './env'
import { explain } from './explain'
import { clearOutbox, keepOutgoing, readOutgoing, type Outgoing } from './outbox'
import type { Thread } from './thread'

export interface AskingHooks {
  onError: (error: unknown) => void
  onNamed: (thread: Thread, id: string) => void
  onEnded: (thread: Thread) => void
  announce: (thread: Thread, sentence: string) => void
  /** Take in what the server has stored. */
  read: (thread: Thread) => Promise<void>
}

export interface Asking {
  /** Whether this page reads an answer of it. */
  answers(thread: Thread): boolean
  /** ``again``: the words are there already, and another answer to them is wanted. */
  ask(
    thread: Thread,
    text: string,
    parentId: string | null,
    how?: { prefer: Locality | null; again: boolean },
  ): Promise<void>
  /** Send what was on its way when the page was left. Whether there was anything. */
  resend(thread: Thread): boolean
  goOn(thread: Thread, turn: Turn): Promise<void>
  /** Read the answer that runs on the server, if one does. */
  follow(thread: Thread): Promise<void>
  stop(thread: Thread): void
  hurry(): void
  clear(): void
}

function messageOf(thread: Thread, text: string, parentId: string | null, prefer: Locality | null): Message {
  const message: Message = { message: text }
  const id = thread.id.peek()
  if (id !== null) {
    message.session_id = id
    if (parentId !== null) message.parent_id = parentId
    // It follows nothing, though there is something that it could follow.
    else if (thread.turns.peek().length > 0) message.parent_id = id
  }
  if (prefer !== null) message.prefer = prefer
  return message
}

export function createAsking(env: Env, api: Api, hooks: AskingHooks): Asking {
  const answers = new Map<Thread, Answer>()

  function find(thread: Thread, turn: Turn): Signal<Turn> | undefined {
    return thread.turns.peek().find((each) => each.peek().key === turn.key)
  }

  /** A message that was sent again under its key may be in the history by now. Whether it was. */
  function dropOther(thread: Thread, turn: Signal<Turn>, messageId: string): boolean {
    const turns = thread.turns.peek()
    const others = turns.filter((each) => each === turn || each.peek().id !== messageId)
    if (others.length < turns.length) thread.turns.value = others
    return others.length < turns.length
  }

  /** Read an answer to its end. Raises what ``Answer.run`` raises, unless the page has left it. */
  async function run(thread: Thread, turn: Signal<Turn>, source: Source): Promise<void> {
    let known = false
    const answer = new Answer(
      env,
      api,
      {
        onStart(id, messageId) {
          keepOutgoing(env.tabStore, thread.id.peek(), null)
          known = dropOther(thread, turn, messageId)
          hooks.onNamed(thread, id)
        },
        announce: (sentence) => hooks.announce(thread, sentence),
        onError: hooks.onError,
      },
      turn,
      source,
    )
    answers.set(thread, answer)
    try {
      await answer.run()
    } catch (error) {
      hooks.onError(error)
      if (answers.get(thread) === answer) throw error
    } finally {
      const mine = answers.get(thread) === answer
      if (mine) {
        answers.delete(thread)
        if ((answer.resumed || known) && turn.peek().status !== 'running') await hooks.read(thread)
        hooks.onEnded(thread)
      }
    }
  }

  /** Nothing was taken: the words go back to where they were written. */
  function takeBack(thread: Thread, turn: Signal<Turn>, again: boolean, why: string): void {
    const { question } = turn.peek()
    const draft = thread.draft.peek()
    keepOutgoing(env.tabStore, thread.id.peek(), null)
    thread.turns.value = thread.turns.peek().filter((each) => each !== turn)
    if (!again) thread.draft.value = draft === '' ? question : `${question}\n\n${draft}`
    thread.refusal.value = why
    hooks.announce(thread, '')
  }

  async function send(thread: Thread, turn: Signal<Turn>, outgoing: Outgoing): Promise<void> {
    keepOutgoing(env.tabStore, thread.id.peek(), outgoing)
    thread.refusal.value = ''
    thread.cutOff.value = ''
    thread.turns.value = [...thread.turns.peek(), turn]
    const { key, parentId } = turn.peek()
    thread.choices.value = choose(thread.choices.peek(), { key, id: null, parentId })
    hooks.announce(thread, t.announce.generating)
    const { message, key: once, again } = outgoing
    try {
      await run(thread, turn, { kind: 'send', message, key: once })
    } catch (error) {
      takeBack(thread, turn, again, turn.peek().stopping ? '' : explain(error))
    }
  }

  function turnFor(thread: Thread, text: string, parentId: string | null): Signal<Turn> {
    return signal(newTurn(`${thread.key}-${env.newId()}`, text, parentId))
  }

  /** The session of a conversation that is to be locked from its first word on. Whether there is one. */
  async function prepare(thread: Thread): Promise<boolean> {
    if (thread.id.peek() !== null || thread.locked.peek() !== true) return true
    try {
      const { id } = await api.createLocked()
      hooks.onNamed(thread, id)
      return true
    } catch (error) {
      thread.refusal.value = explain(error)
      hooks.onError(error)
      return false
    }
  }

  return {
    answers: (thread) => answers.has(thread),
    async ask(thread, text, parentId, { prefer, again } = { prefer: null, again: false }) {
      if (thread.running.peek() !== null || !(await prepare(thread)) || thread.running.peek() !== null) return
      if (!again && thread.draft.peek().trim() === text) thread.draft.value = ''
      const message = messageOf(thread, text, parentId, prefer)
      await send(thread, turnFor(thread, text, parentId), { message, key: env.newId(), again })
    },
    resend(thread) {
      const outgoing = readOutgoing(env.tabStore, thread.id.peek())
      if (outgoing === null || answers.has(thread)) return false
      const { message, parent_id: parent, session_id: session } = outgoing.message
      const parentId = parent === undefined || parent === session ? null : parent
      void send(thread, turnFor(thread, message, parentId), outgoing)
      return true
    },
    async goOn(thread, turn) {
      const held = find(thread, turn)
      if (held === undefined || turn.id === null || thread.running.peek() !== null) return
      thread.refusal.value = ''
      const before = held.peek()
      try {
        hooks.announce(thread, t.announce.generating)
        await run(thread, held, { kind: 'continue', messageId: turn.id, key: env.newId() })
      } catch (error) {
        held.value = before
        thread.refusal.value = explain(error)
        hooks.announce(thread, '')
      }
    },
    async follow(thread) {
      const turn = thread.running.peek()
      const messageId = turn?.peek().id
      if (!turn || !messageId || answers.has(thread)) return
      await run(thread, turn, { kind: 'follow', messageId, lastEventId: '' })
    },
    stop(thread) {
      const answer = answers.get(thread)
      if (answer === undefined) return
      if (answer.turn.peek().link !== 'unsent') {
        answer.stop()
        return
      }
      const again = readOutgoing(env.tabStore, thread.id.peek())?.again === true
      answer.leave()
      answers.delete(thread)
      takeBack(thread, answer.turn, again, '')
    },
    hurry() {
      for (const answer of answers.values()) answer.hurry()
    },
    clear() {
      for (const answer of answers.values()) answer.leave()
      answers.clear()
      clearOutbox(env.tabStore)
    },
  }
}
