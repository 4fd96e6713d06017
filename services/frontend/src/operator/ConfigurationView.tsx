import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { Configuration, OperatorApi, Setting } from '../api/operator'
import { operator } from '../strings/operator'
import { Loaded } from '../ui/parts'
import { useResource } from '../ui/resource'

const words = operator.configuration

function valueOf(setting: Setting): string {
  if (!setting.given) return words.unset
  return setting.secret ? words.secretSet : (setting.value ?? '')
}

/** What both services say of one variable that they share is said once. */
function once(configurations: readonly Configuration[]): Setting[] {
  const known = new Map<string, Setting>()
  for (const setting of configurations.flatMap((each) => each.settings)) {
    if (!known.has(setting.name)) known.set(setting.name, setting)
  }
  return [...known.values()].sort((one, other) => one.name.localeCompare(other.name))
}

/** What stands between backticks in a setting's meaning is a name or a value. */
function withCode(text: string): ComponentChildren[] {
  return text.split('`').map((part, at) => (at % 2 === 1 ? <code key={at}>{part}</code> : part))
}

function Rows({ settings }: { settings: Setting[] }) {
  const [query, setQuery] = useState('')
  const [all, setAll] = useState(false)
  const wanted = query.trim().toLowerCase()
  const shown = settings.filter(
    (each) =>
      (all || wanted !== '' || each.source !== 'default') &&
      `${each.name} ${each.meaning}`.toLowerCase().includes(wanted),
  )
  return (
    <>
      <p class="line">
        <input
          class="field"
          type="search"
          aria-label={words.search}
          placeholder={words.search}
          value={query}
          onInput={(event) => setQuery(event.currentTarget.value)}
        />
        <label class="check">
          <input type="checkbox" checked={all} onChange={(event) => setAll(event.currentTarget.checked)} /> {words.all}
        </label>
      </p>
      {shown.length === 0 && <p class="quiet">{words.nothing}</p>}
      {shown.length > 0 && (
        <div class="scroll" tabIndex={0} role="region" aria-label={operator.table(operator.sections.configuration)}>
          <table class="settings-table">
            <thead>
              <tr>
                <th scope="col">{words.variable}</th>
                <th scope="col">{words.value}</th>
                <th scope="col">{words.source}</th>
              </tr>
            </thead>
            <tbody>
              {shown.map((each) => (
                <tr key={each.name}>
                  <th scope="row">
                    <code>{each.name}</code>
                    <p class="quiet">{withCode(each.meaning)}</p>
                  </th>
                  <td>{each.given && !each.secret ? <code>{valueOf(each)}</code> : valueOf(each)}</td>
                  <td>{words.sources[each.source]}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  )
}

/** The settings as they are in force, each with where it came from. */
export function ConfigurationView({ api }: { api: OperatorApi }) {
  const configuration = useResource(() => api.configuration())
  return (
    <>
      <p class="quiet">{words.text}</p>
      <Loaded from={configuration}>{(found) => <Rows settings={once(found)} />}</Loaded>
    </>
  )
}
