import { useMemo, useState } from 'preact/hooks'
import { createOperatorApi } from '../api/operator'
import { operator as words } from '../strings/operator'
import { useApp } from '../ui/context'
import { Loaded, Section } from '../ui/parts'
import { ActivityView } from './ActivityView'
import { ConfigurationView } from './ConfigurationView'
import { Fallbacks } from './Fallbacks'
import { People } from './People'
import { Providers } from './Providers'
import { useLive } from './live'

/** How far back, in minutes, and how many of them make one point of a chart. */
const STEPS = { 60: 1, 360: 5, 1440: 15 } as const
type Span = keyof typeof STEPS

/** How NovaCore does, for whoever runs it. */
export function OperatorPage() {
  const app = useApp()
  const api = useMemo(() => createOperatorApi(app.call), [])
  const [span, setSpan] = useState<Span>(60)
  const providers = useLive(() => api.providers(span), [span])
  const activity = useLive(() => api.activity(span, STEPS[span]), [span])
  if (app.user.value?.role !== 'admin') {
    return (
      <div class="centre">
        <p>{words.notYours}</p>
      </div>
    )
  }
  return (
    <div class="page" tabIndex={-1}>
      <div class="page-column page-wide">
        <div class="spans" role="group" aria-label={words.span}>
          {Object.entries(words.spans).map(([minutes, name]) => (
            <button
              key={minutes}
              type="button"
              aria-pressed={span === Number(minutes)}
              onClick={() => setSpan(Number(minutes) as Span)}
            >
              {name}
            </button>
          ))}
        </div>
        <Section title={words.sections.providers}>
          <Loaded from={providers}>{(found) => <Providers api={api} providers={found} />}</Loaded>
        </Section>
        <Section title={words.sections.activity}>
          <Loaded from={activity}>{(found) => <ActivityView activity={found} />}</Loaded>
        </Section>
        <Section title={words.sections.fallbacks}>
          <Loaded from={activity}>{(found) => <Fallbacks turns={found.fallbacks} />}</Loaded>
        </Section>
        <Section title={words.sections.users}>
          <People api={api} />
        </Section>
        <Section title={words.sections.configuration}>
          <ConfigurationView api={api} />
        </Section>
      </div>
    </div>
  )
}
