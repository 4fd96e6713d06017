import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { Markdown, MarkdownProps } from './Markdown'

const loaded = signal<typeof Markdown | null>(null)

/** Load what reads markdown. The composer does not wait for it, and by the first answer it is there. */
export async function loadMarkdown(): Promise<void> {
  loaded.value ??= (await import('./Markdown')).Markdown
}

/** An answer's words: plain until what reads them is loaded. */
export function Prose(props: MarkdownProps) {
  const View = loaded.value
  useEffect(() => {
    // Where it could not be loaded the words stay plain, and the next answer tries again.
    if (View === null) loadMarkdown().catch(() => {})
  }, [])
  return View === null ? <div class="prose-plain" dir="auto">{props.text}</div> : <View {...props} />
}
