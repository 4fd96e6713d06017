import { THEMES } from '../core/theme'
import { settings as words } from '../strings/settings'
import { useApp } from '../ui/context'

/** The theme. */
export function Appearance() {
  const app = useApp()
  return (
    <fieldset class="radios">
      <legend class="hidden">{words.theme}</legend>
      {THEMES.map((theme) => (
        <label key={theme}>
          <input
            type="radio"
            name="theme"
            checked={app.theme.value === theme}
            onChange={() => app.setTheme(theme)}
          />
          {words.themes[theme]}
        </label>
      ))}
    </fieldset>
  )
}
