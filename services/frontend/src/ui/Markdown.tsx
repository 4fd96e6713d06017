/** Markdown as virtual nodes. Nothing here can make markup out of an answer's words: text is only ever text. */

import type { MarkedToken, Token, Tokens } from 'marked'
import { cloneElement, Component, h, isValidElement, type ComponentChild } from 'preact'
import { useMemo } from 'preact/hooks'
import { BlockReader, lineFeedsOnly } from '../core/blocks'
import { decodeEntities } from '../core/entities'
import { safeHref } from '../core/links'
import { placeSeams, splitAtMarks, withoutMarks, type Marked } from '../core/seams'
import { indexOfPoint } from '../core/turn'
import { t } from '../strings'
import { CodeBlock } from './CodeBlock'
import { Icon } from './Icons'
import { Leaf } from './Leaf'
import '../styles/markdown.css'
import { SeamContext, SeamMark, type Seam } from './SeamMark'

const LINE_BREAK = /^<br\s*\/?>$/i

const all = (tokens: readonly Token[] | undefined, open = false): ComponentChild[] =>
  (tokens ?? []).map((each) => node(each, 0, open))

const imageText = (token: Tokens.Image): string => decodeEntities(token.text) || t.answer.image

/** No link stands in another one, so an image in a link is its words. */
function linked(tokens: readonly Token[]): ComponentChild[] {
  return tokens.map((each) => (each.type === 'image' ? imageText(each as Tokens.Image) : node(each)))
}

function link(written: string, children: ComponentChild): ComponentChild {
  const href = safeHref(decodeEntities(written))
  if (href === null) return children
  return (
    <a href={href} target="_blank" rel="noopener noreferrer">
      {children}
    </a>
  )
}

/** Numbers stand left of the text; every list has room for two digits, and no number for more than four. */
function roomFor(last: number): string | undefined {
  const digits = String(last).length
  return digits > 2 ? `digits-${Math.min(4, digits)}` : undefined
}

function list(token: Tokens.List, open: boolean): ComponentChild {
  const items = token.items.map((item) => <li class={item.task ? 'task' : undefined}>{all(item.tokens, open)}</li>)
  if (!token.ordered) return <ul>{items}</ul>
  const start = token.start === '' ? 1 : token.start
  return (
    <ol start={start} class={roomFor(start + items.length - 1)}>
      {items}
    </ol>
  )
}

function cells(row: readonly Tokens.TableCell[], tag: 'th' | 'td'): ComponentChild[] {
  return row.map((cell) => h(tag, { class: cell.align ? `align-${cell.align}` : undefined }, all(cell.tokens)))
}

function table(token: Tokens.Table): ComponentChild {
  return (
    <div class="table" tabIndex={0} role="group" aria-label={t.answer.table}>
      <table>
        <thead>
          <tr>{cells(token.header, 'th')}</tr>
        </thead>
        <tbody>
          {token.rows.map((row) => (
            <tr>{cells(row, 'td')}</tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function checkbox(token: Tokens.Checkbox): ComponentChild {
  return (
    <span class="checkbox" role="img" aria-label={token.checked ? t.answer.checked : t.answer.unchecked}>
      {token.checked && <Icon name="check" size={12} />}
    </span>
  )
}

/** Words, and the seams between them. */
function words(text: string): ComponentChild {
  const pieces = splitAtMarks(text)
  if (pieces.length === 1) return <Leaf text={text} />
  return pieces.map((piece) => [
    <Leaf text={piece.text} />,
    piece.seam !== null && <SeamMark seam={piece.seam} />,
  ])
}

/** One token. A kind that is not known shows as the text that it was written as. */
function node(generic: Token, level = 0, open = false): ComponentChild {
  const token = generic as MarkedToken
  switch (token.type) {
    case 'paragraph':
      return <p>{all(token.tokens)}</p>
    case 'heading':
      return h(`h${level || 6}`, { class: `heading-${token.depth}` }, all(token.tokens))
    case 'code':
      return <CodeBlock text={token.text} info={token.lang ?? ''} open={open} />
    case 'blockquote':
      return <blockquote>{all(token.tokens, open)}</blockquote>
    case 'list':
      return list(token, open)
    case 'table':
      return table(token)
    case 'hr':
      return <hr />
    case 'strong':
      return <strong>{all(token.tokens)}</strong>
    case 'em':
      return <em>{all(token.tokens)}</em>
    case 'del':
      return <del>{all(token.tokens)}</del>
    case 'br':
      return <br />
    case 'codespan':
      return (
        <code>{words(token.text)}</code>
      )
    case 'link':
      return link(token.href, linked(token.tokens))
    case 'image':
      return link(token.href, imageText(token))
    case 'checkbox':
      return checkbox(token)
    case 'text':
      return token.tokens ? all(token.tokens) : words(decodeEntities(token.text))
    case 'escape':
      return token.text
    case 'html':
      return LINE_BREAK.test(token.text.trim()) ? <br /> : <span class="literal">{token.text}</span>
    case 'space':
    case 'def':
      return null
    default:
      return generic.raw
  }
}

/** A block runs the way its first letters do, with all that is in it; code always runs from left to right. */
function withDirection(block: ComponentChild): ComponentChild {
  return isValidElement(block) && typeof block.type === 'string' ? cloneElement(block, { dir: 'auto' }) : block
}

const NO_SEAMS: readonly Seam[] = []

/** Redrawn only where something changed: the reader keeps the token of a finished block. */
class BlockView extends Component<{ marked: Marked }> {
  override shouldComponentUpdate({ marked: next }: { marked: Marked }): boolean {
    const { marked } = this.props
    return (
      next.token !== marked.token ||
      next.block.level !== marked.block.level ||
      next.block.open !== marked.block.open ||
      next.above.length + next.below.length !== marked.above.length + marked.below.length
    )
  }

  override render() {
    const { block, token, above, below } = this.props.marked
    return (
      <>
        {above.map((seam) => (
          <SeamMark seam={seam} block />
        ))}
        {withDirection(node(token, block.level, block.open))}
        {below.map((seam) => (
          <SeamMark seam={seam} block />
        ))}
      </>
    )
  }
}

export interface MarkdownProps {
  text: string
  /** More of this text may come. */
  growing: boolean
  /** Where another model went on. */
  seams?: readonly Seam[]
}

export function Markdown({ text, growing, seams = NO_SEAMS }: MarkdownProps) {
  const reader = useMemo(() => new BlockReader(), [])
  const blocks = useMemo(() => {
    const source = withoutMarks(text)
    return growing ? reader.grow(source) : reader.finish(source)
  }, [reader, text, growing])
  const places = seams.map((each) => lineFeedsOnly(text.slice(0, indexOfPoint(text, each.at))).length)
  return (
    <SeamContext.Provider value={seams}>
      <div class="markdown">
        {placeSeams(blocks, places).map((marked, at) => (
          <BlockView key={at} marked={marked} />
        ))}
      </div>
    </SeamContext.Provider>
  )
}
