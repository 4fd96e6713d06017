import { t } from '../strings'
import { useApp } from './context'
import { Icon } from './Icons'

/** What a reader should know who has judged NovaCore by its smallest model. */
export function DemoNotice() {
  const app = useApp()
  const [before, pull, between, gemini, or, openai, end] = t.notice.text
  const dismiss = (): void => {
    app.dismissDemoNotice()
    document.getElementById('message')?.focus()
  }
  return (
    <aside class="notice" aria-label={t.notice.title}>
      <Icon name="info" />
      <div>
        <strong>{t.notice.title}</strong>
        <p>
          {before}
          <code>{pull}</code>
          {between}
          <code>{gemini}</code>
          {or}
          <code>{openai}</code>
          {end}
        </p>
      </div>
      <button type="button" class="icon-button" onClick={dismiss}>
        <Icon name="close" />
        <span class="hidden">{t.notice.dismiss}</span>
      </button>
    </aside>
  )
}
