import type { App } from '../state/app'
import { t } from '../strings'
import { AppContext } from './context'
import { Mark } from './Icons'
import { Shell } from './Shell'
import { EntryForm } from './EntryForm'

/** A page of its own for the moments before there is a chat. */
function Unreachable({ app }: { app: App }) {
  return (
    <main class="gate">
      <Mark size={44} />
      <h1>{t.boot.unreachable}</h1>
      <p role="alert">{t.boot.unreachableDetail}</p>
      <button type="button" class="button" onClick={() => void app.open()}>
        {t.boot.retry}
      </button>
    </main>
  )
}

function Opening() {
  return (
    <main class="gate gate-opening" aria-busy="true">
      <Mark size={44} />
      <h1 class="hidden">{t.boot.loading}</h1>
    </main>
  )
}

function Phase({ app }: { app: App }) {
  switch (app.phase.value) {
    case 'opening':
      return <Opening />
    case 'unreachable':
      return <Unreachable app={app} />
    case 'signedOut':
    case 'choosing':
      return <EntryForm key={app.entry.kind.value} />
    case 'ready':
      return <Shell />
  }
}

export function Page({ app }: { app: App }) {
  return (
    <AppContext.Provider value={app}>
      <Phase app={app} />
      <div class="hidden" role="status" aria-live="polite">
        {app.spoken}
      </div>
    </AppContext.Provider>
  )
}
