import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { Locality } from '../api/types'
import { t } from '../strings'
import { Icon } from './Icons'

/** Who goes on at each seam of an answer. */
export interface Seam {
  /** In characters of the answer, as the server counts them. */
  at: number
  /** As it is shown. */
  provider: string
  locality: Locality
}

export const SeamContext = createContext<readonly Seam[]>([])

/** Where another model goes on. */
export function SeamMark({ seam: number, block = false }: { seam: number; block?: boolean }) {
  const seam = useContext(SeamContext)[number]
  if (seam === undefined) return null
  const { provider, locality } = seam
  return (
    <span class={`seam seam-${locality}${block ? ' seam-block' : ''}`}>
      <Icon name={locality === 'local' ? 'home' : 'cloud'} size={13} />
      {t.answer.seam(provider, t.locality[locality].toLowerCase())}
    </span>
  )
}
