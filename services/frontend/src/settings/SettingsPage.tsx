import { useMemo } from 'preact/hooks'
import { createSettingsApi } from '../api/settings'
import { settings as words } from '../strings/settings'
import { useApp } from '../ui/context'
import { Section } from '../ui/parts'
import { Account, Data } from './Account'
import { Answers } from './Answers'
import { Appearance } from './Appearance'
import { Facts } from './Facts'
import { Keys } from './Keys'
import { UsageView } from './UsageView'

/** Everything that somebody can set for themselves. */
export function SettingsPage() {
  const app = useApp()
  const api = useMemo(() => createSettingsApi(app.call), [])
  return (
    <div class="page" tabIndex={-1}>
      <div class="page-column">
        <Section title={words.sections.answers}>
          <Answers api={api} />
        </Section>
        <Section title={words.sections.facts}>
          <Facts api={api} />
        </Section>
        <Section title={words.sections.usage}>
          <UsageView api={api} />
        </Section>
        <Section title={words.sections.keys}>
          <Keys api={api} />
        </Section>
        <Section title={words.sections.appearance}>
          <Appearance />
        </Section>
        <Section title={words.sections.account}>
          <Account api={api} />
        </Section>
        <Section title={words.sections.data}>
          <Data api={api} />
        </Section>
      </div>
    </div>
  )
}
