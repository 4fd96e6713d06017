import type { RefObject } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { splitAtMarks } from '../core/seams'
import { t } from '../strings'
import { CopyButton } from './CopyButton'
import { Leaf } from './Leaf'
import { canPaint, paint } from './paint'
import { SeamMark } from './SeamMark'
import { whenSeen } from './seen'

/** The first word of a fence's information is its language. */
function languageOf(info: string): string {
  return info.trim().split(/\s/)[0] ?? ''
}

function textNodes(element: Element): Text[] {
  const nodes = [...element.querySelectorAll('.leaf')].map((each) => each.firstChild)
  return nodes.filter((each) => each instanceof Text)
}

/** Give the code its colours once it is whole and can be seen. */
function useColours(element: RefObject<HTMLElement | null>, code: string, language: string, open: boolean): void {
  useEffect(() => {
    const block = element.current
    if (block === null || open || language === '' || !canPaint()) return undefined
    let undo = (): void => {}
    let gone = false
    const colour = async (): Promise<void> => {
      try {
        const { highlight } = await import('../core/highlight')
        const runs = await highlight(language, code)
        if (!gone) undo = paint(textNodes(block), runs)
      } catch {
        // Colours that cannot be loaded just now are no news to anyone.
      }
    }
    const callOff = whenSeen(block, () => void colour())
    return () => {
      gone = true
      callOff()
      undo()
    }
  }, [code, language, open])
}

/** ``open``: more of the code may come. */
export function CodeBlock({ text, info, open }: { text: string; info: string; open: boolean }) {
  const language = languageOf(info)
  const code = useRef<HTMLElement>(null)
  const pieces = splitAtMarks(text)
  const plain = pieces.map((each) => each.text).join('')
  useColours(code, plain, language, open)
  return (
    <div class="code">
      <div class="code-head">
        <span>{language || t.answer.code}</span>
        <CopyButton text={() => plain} />
      </div>
      <pre tabIndex={0} role="group" aria-label={language ? t.answer.codeIn(language) : t.answer.code}>
        <code ref={code}>
          {pieces.map((piece) => (
            <>
              <Leaf text={piece.text} />
              {piece.seam !== null && <SeamMark seam={piece.seam} />}
            </>
          ))}
        </code>
      </pre>
    </div>
  )
}
