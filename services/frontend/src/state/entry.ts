/** Coming in: by a password, by an invitation, by a reset, and choosing a first password. */

import { signal, type ReadonlySignal } from '@preact/signals'
import type { Api } from '../api/chat'
import { Problem } from '../api/http'
import { t } from '../strings'
import { explain } from './explain'

/** What the form is for. */
export type EntryKind = 'signIn' | 'invite' | 'reset' | 'choose'

export interface Entry {
  readonly kind: ReadonlySignal<EntryKind>
  /** Why it is shown, or why it did not work; empty where neither needs to be said. */
  readonly note: ReadonlySignal<string>
  readonly busy: ReadonlySignal<boolean>
  show(kind: EntryKind, token: string, note: string): void
  /** Hand the form in. Whether it worked; if not, the note says why. */
  submit(name: string, password: string): Promise<boolean>
}

/** What went wrong, in a sentence. */
function reason(kind: EntryKind, error: unknown): string {
  if (error instanceof Problem && error.status === 401 && kind === 'signIn') return t.entry.wrong
  if (error instanceof Problem && error.status === 410) return kind === 'reset' ? t.entry.resetSpent : t.entry.inviteSpent
  return explain(error)
}

export function createEntry(api: Api): Entry {
  const kind = signal<EntryKind>('signIn')
  const note = signal('')
  const busy = signal(false)
  let held = ''

  function handIn(name: string, password: string): Promise<void> {
    switch (kind.peek()) {
      case 'signIn':
        return api.logIn(name, password)
      case 'invite':
        return api.register(held, name, password)
      case 'reset':
        return api.reset(held, password)
      case 'choose':
        return api.choose(name, password)
    }
  }

  return {
    kind,
    note,
    busy,
    show(wanted, token, why) {
      kind.value = wanted
      held = token
      note.value = why
    },
    async submit(name, password) {
      if (busy.peek()) return false
      busy.value = true
      note.value = ''
      try {
        await handIn(name, password)
        return true
      } catch (error) {
        note.value = reason(kind.peek(), error)
        return false
      } finally {
        busy.value = false
      }
    },
  }
}
