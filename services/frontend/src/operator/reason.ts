import { reasonText } from '../core/reasons'
import { t } from '../strings'

/** A reason in words. */
export const reasonOf = (reason: string): string => reasonText(t.reasons, reason, t.unknownReason)
