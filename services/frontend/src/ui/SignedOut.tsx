import { t } from '../strings'
import { Mark } from './Icons'

export function SignedOut({ note }: { note: string }) {
  const [before, command, after] = t.signedOut.how
  return (
    <main class="gate">
      <Mark size={44} />
      <h1>{t.signedOut.title}</h1>
      {note !== '' && (
        <p class="gate-note" role="alert">
          {note}
        </p>
      )}
      <p>
        {before}
        <code>{command}</code>
        {after}
      </p>
    </main>
  )
}
