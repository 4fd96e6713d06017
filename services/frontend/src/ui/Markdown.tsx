/** Markdown as virtual nodes. Nothing here can make markup out of an answer's words: text is only ever text. */

import type { MarkedToken, Token, Tokens } from 'marked'
import { Component, h, type ComponentChild } from 'preact'
import { useMemo } from 'preact/hooks'
import { BlockReader, type Block } from '../core/blocks'
import { decodeEntities } from '../core/entities'
import { safeHref } from '../core/links'
import { t } from '../strings'
import { CodeBlock } from './CodeBlock'
import { Icon } from './Icons'
import { Leaf } from './Leaf'

const LINE_BREAK = /^<br\s*\/?>$/i

const all = (tokens: readonly Token[] | undefined): ComponentChild[] => (tokens ?? []).map((each) => node(each))

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

function list(token: Tokens.List): ComponentChild {
  const items = token.items.map((item) => <li class={item.task ? 'task' : undefined}>{all(item.tokens)}</li>)
  if (!token.ordered) return <ul>{items}</ul>
  return <ol start={token.start === '' ? 1 : token.start}>{items}</ol>
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

/** One token. A kind that is not known shows as the text that it was written as. */
function node(generic: Token, level = 0): ComponentChild {
  const token = generic as MarkedToken
  switch (token.type) {
    case 'paragraph':
      return <p>{all(token.tokens)}</p>
    case 'heading':
      return h(`h${level || 6}`, { class: `heading-${token.depth}` }, all(token.tokens))
    case 'code':
      return <CodeBlock text={token.text} info={token.lang ?? ''} />
    case 'blockquote':
      return <blockquote>{all(token.tokens)}</blockquote>
    case 'list':
      return list(token)
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
        <code>
          <Leaf text={token.text} />
        </code>
      )
    case 'link':
      return link(token.href, linked(token.tokens))
    case 'image':
      return link(token.href, imageText(token))
    case 'checkbox':
      return checkbox(token)
    case 'text':
      return token.tokens ? all(token.tokens) : <Leaf text={decodeEntities(token.text)} />
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

/** Redrawn only for another token: the reader keeps the token of a finished block. */
class BlockView extends Component<{ block: Block }> {
  override shouldComponentUpdate(next: { block: Block }): boolean {
    return next.block.token !== this.props.block.token || next.block.level !== this.props.block.level
  }

  override render() {
    return node(this.props.block.token, this.props.block.level)
  }
}

/** ``growing``: more of this text may come. */
export function Markdown({ text, growing }: { text: string; growing: boolean }) {
  const reader = useMemo(() => new BlockReader(), [])
  const blocks = useMemo(() => (growing ? reader.grow(text) : reader.finish(text)), [reader, text, growing])
  return (
    <div class="markdown">
      {blocks.map((block, at) => (
        <BlockView key={at} block={block} />
      ))}
    </div>
  )
}
