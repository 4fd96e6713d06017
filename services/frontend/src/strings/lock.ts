/** The lock of a conversation. */

import { listed } from './provenance'

const messages = (count: number): string => (count === 1 ? '1 message' : `${count} messages`)

export const lock = {
  lock: 'Local only',
  locked: 'Local only is on: this conversation stays local',
  unlocked: 'Local only is off: the cloud may answer',
  shortcut: 'Ctrl + Shift + L',
  /** What the composer says. */
  staysHere: 'Stays on this machine',
  staysNear: 'Stays in your network',
  byOperator: 'Stays local: the cloud is switched off on this server',
  byUser: 'Stays local: your settings keep the cloud out',
  mayGo: (clouds: readonly string[]) => `Answered here, or by ${listed(clouds)} if need be`,
  goes: (clouds: readonly string[]) => `Goes to ${listed(clouds)}`,
  nobody: 'Nobody can answer just now',
  /** The question before it is unlocked. */
  ask: 'Allow the cloud for this conversation?',
  askNew: 'The next answer may then come from a cloud provider, which is sent the conversation.',
  sendable: (count: number) =>
    count === 0
      ? 'Nothing that was said so far would be sent.'
      : `${messages(count)} with all that was said in ${count === 1 ? 'it' : 'them'} may then be sent to a cloud provider.`,
  stayLocal: (count: number) => `${messages(count)} stay${count === 1 ? 's' : ''} here whatever you choose.`,
  unknown: 'What was said in it so far may then be sent to a cloud provider.',
  unlock: 'Allow the cloud',
  keep: 'Keep it local',
  cutOff: (names: readonly string[]) =>
    `${listed(names)} was cut off. What had been sent to it cannot be called back; nothing more is sent.`,
  dismiss: 'Dismiss',
} as const
