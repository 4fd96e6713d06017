import { useEffect, useRef, useState } from 'preact/hooks'
import { t } from '../strings'
import { Icon } from './Icons'
import { Leaf } from './Leaf'

const SHOW_RESULT_MS = 2_000

/** Outside a secure context there is no clipboard to ask, but a selection can still be copied. */
function copySelected(text: string): boolean {
  const area = document.createElement('textarea')
  area.value = text
  area.className = 'offscreen'
  document.body.append(area)
  area.select()
  const copied = document.execCommand('copy')
  area.remove()
  return copied
}

async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return copySelected(text)
  }
}

function CopyButton({ text }: { text: string }) {
  const [result, setResult] = useState<'none' | 'copied' | 'failed'>('none')
  const button = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    if (result === 'none') return undefined
    const timer = setTimeout(() => setResult('none'), SHOW_RESULT_MS)
    return () => clearTimeout(timer)
  }, [result])
  const copy = async (): Promise<void> => {
    const copied = await copyText(text)
    button.current?.focus()
    setResult(copied ? 'copied' : 'failed')
  }
  const words = { none: t.answer.copy, copied: t.answer.copied, failed: t.answer.copyFailed }
  return (
    <button type="button" class="copy" ref={button} onClick={() => void copy()}>
      <Icon name={result === 'copied' ? 'check' : 'copy'} size={14} />
      {words[result]}
    </button>
  )
}

/** The first word of a fence's information is its language. */
function languageOf(info: string): string {
  return info.trim().split(/\s/)[0] ?? ''
}

export function CodeBlock({ text, info }: { text: string; info: string }) {
  const language = languageOf(info)
  return (
    <div class="code">
      <div class="code-head">
        <span>{language || t.answer.code}</span>
        <CopyButton text={text} />
      </div>
      <pre tabIndex={0} role="group" aria-label={language ? t.answer.codeIn(language) : t.answer.code}>
        <code>
          <Leaf text={text} />
        </code>
      </pre>
    </div>
  )
}
