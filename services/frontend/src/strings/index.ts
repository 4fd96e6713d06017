/**
 * Every word that the page says, in English; one file for each area of the page. What only a page that is loaded later
 * says stands in a file of its own, which that page imports itself, so that it is not loaded with the chat.
 */

import { announce } from './announce'
import { composer } from './composer'
import { boot, entry, signedOut } from './entry'
import { lock } from './lock'
import { chip, trail } from './provenance'
import { briefReasons, reasons, unknownReason } from './reasons'
import { sidebar } from './sidebar'
import { answer, notice, thread } from './thread'

export const t = {
  product: 'NovaCore',
  locality: { local: 'Local', cloud: 'Cloud' },
  reasons,
  briefReasons,
  unknownReason,
  boot,
  signedOut,
  entry,
  sidebar,
  thread,
  answer,
  chip,
  trail,
  composer,
  lock,
  notice,
  announce,
} as const
