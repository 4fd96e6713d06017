import type { Looked } from '../api/operator'
import { seconds } from '../core/figures'
import { providerName } from '../core/providers'
import { operator as words } from '../strings/operator'
import { Icon } from '../ui/Icons'

/** What a look at a provider has found. */
export function Findings({ looked }: { looked: Looked }) {
  return (
    <div class="findings" role="status">
      {looked.findings.map((found) => (
        <p key={found.text} class={`finding finding-${found.level}`}>
          <Icon name={found.level === 'ok' ? 'check' : found.level === 'skipped' ? 'minus' : 'alert'} size={15} />
          <span>
            {providerName(looked.provider)} {found.text} {found.advice}
          </span>
        </p>
      ))}
      {looked.ok && <p class="quiet">{words.took(seconds(looked.took_ms))}</p>}
    </div>
  )
}
