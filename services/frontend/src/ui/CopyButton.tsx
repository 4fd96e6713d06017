import { useEffect, useRef, useState } from 'preact/hooks'
import { t } from '../strings'
import { Icon } from './Icons'

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

export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return copySelected(text)
  }
}

interface CopyButtonProps {
  /** Asked when it is copied. */
  text: () => string
  /** What it says before it was pressed. */
  words?: string
  class?: string
}

export function CopyButton({ text, words = t.answer.copy, class: name = 'copy' }: CopyButtonProps) {
  const [result, setResult] = useState<'none' | 'copied' | 'failed'>('none')
  const button = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    if (result === 'none') return undefined
    const timer = setTimeout(() => setResult('none'), SHOW_RESULT_MS)
    return () => clearTimeout(timer)
  }, [result])
  const copy = async (): Promise<void> => {
    const copied = await copyText(text())
    button.current?.focus()
    setResult(copied ? 'copied' : 'failed')
  }
  const said = { none: words, copied: t.answer.copied, failed: t.answer.copyFailed }
  return (
    <button type="button" class={name} ref={button} onClick={() => void copy()}>
      <Icon name={result === 'copied' ? 'check' : 'copy'} size={14} />
      {said[result]}
    </button>
  )
}
