import './styles/tokens.css'
import './styles/base.css'
import './styles/layout.css'
import './styles/sidebar.css'
import './styles/thread.css'
import './styles/provenance.css'
import './styles/composer.css'
import { effect } from '@preact/signals'
import { render } from 'preact'
import { browserEnv } from './state/env'
import { createApp } from './state/app'
import { Page } from './ui/Page'
import { loadMarkdown } from './ui/Prose'

const root = document.getElementById('app')
if (root === null) throw new Error('index.html has no #app')
const app = createApp(browserEnv())
effect(() => {
  document.documentElement.dataset.theme = app.theme.value
})
render(<Page app={app} />, root)
// What reads markdown comes after all that the composer needs, and before the first answer.
void app.open().then(() => requestAnimationFrame(() => void loadMarkdown().catch(() => {})))
