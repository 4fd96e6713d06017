import { render } from 'preact'
import { beforeEach, describe, expect, it } from 'vitest'
import { Markdown } from '../src/ui/Markdown'

let root: HTMLElement

beforeEach(() => {
  root = document.createElement('div')
  document.body.replaceChildren(root)
})

function show(text: string, growing = false): HTMLElement {
  render(<Markdown text={text} growing={growing} />, root)
  return root
}

/** The markup without the spans that hold growing text, and without the direction that every block finds by itself. */
function markup(text: string): string {
  const written = show(text).firstElementChild?.innerHTML ?? ''
  return written.replace(/<span class="leaf">(.*?)<\/span>/gs, '$1').replaceAll(' dir="auto"', '')
}

describe('markdown', () => {
  it('shows emphasis, code, breaks and quotations', () => {
    expect(markup('**a** *b* ~~c~~ `d<e>` \\*f\\*\ng')).toBe(
      '<p><strong>a</strong> <em>b</em> <del>c</del> <code>d&lt;e&gt;</code> *f*<br>g</p>',
    )
    expect(markup('> a\n>\n> b')).toBe('<blockquote><p>a</p><p>b</p></blockquote>')
    expect(markup('a\n\n---')).toBe('<p>a</p><hr>')
  })

  it('shows lists with their start, and tasks with their state in words', () => {
    expect(markup('3. a\n4. b\n   - c')).toBe('<ol start="3"><li>a</li><li>b<ul><li>c</li></ul></li></ol>')
    show('- [x] a\n- [ ] b')
    expect([...root.querySelectorAll('[role=img]')].map((each) => each.getAttribute('aria-label'))).toEqual([
      'Done',
      'Not done',
    ])
  })

  it('lets each block run the way its own letters do, and code from left to right', () => {
    show('שלום\n\n- אחת\n- שתיים\n\n> a\n\n# b\n\n| c |\n|---|\n| d |\n\n```\nשלום\n```')
    const directed = [...root.querySelectorAll('[dir]')].map((each) => [each.tagName, each.getAttribute('dir')])
    expect(directed).toEqual([['P', 'auto'], ['UL', 'auto'], ['BLOCKQUOTE', 'auto'], ['H3', 'auto'], ['DIV', 'auto']])
  })

  it('gives the numbers of a list the room that the longest of them takes', () => {
    const classOf = (text: string) => /<ol[^>]*?(?: class="([^"]*)")?>/.exec(markup(text))?.[1]
    const items = (count: number, start = 1) => Array.from({ length: count }, (_, at) => `${at + start}. item`).join('\n')
    expect(classOf(items(12))).toBe(undefined)
    expect(classOf(items(2, 99))).toBe('digits-3')
    expect(classOf(items(1, 1234))).toBe('digits-4')
    expect(classOf(items(1, 123456))).toBe('digits-4')
  })

  it('shows a table in a box that can be scrolled by keyboard', () => {
    show('| a | b |\n|---|--:|\n| 1 | 2 |')
    expect(root.querySelector('[role=group]')?.getAttribute('tabindex')).toBe('0')
    expect([...root.querySelectorAll('th, td')].map((each) => each.textContent)).toEqual(['a', 'b', '1', '2'])
    expect(root.querySelector('td:last-child')?.className).toBe('align-right')
  })

  it('shows a code block with its language and a button to copy it', () => {
    show('```python title="x"\nprint("<b>")\n```')
    expect(root.querySelector('pre')?.textContent).toBe('print("<b>")')
    expect(root.querySelector('pre')?.getAttribute('aria-label')).toBe('Code, python')
    expect(root.querySelector('button')?.textContent).toBe('Copy')
  })

  it('opens links elsewhere, without handing over this page', () => {
    const link = show('[a](https://example.org/?q=1&amp;r)').querySelector('a')
    expect(link?.getAttribute('href')).toBe('https://example.org/?q=1&r')
    expect(link?.getAttribute('target')).toBe('_blank')
    expect(link?.getAttribute('rel')).toContain('noopener')
  })

  it('loads no image: it becomes a link', () => {
    show('![a chart](https://example.org/c.png) ![](https://example.org/d.png)')
    expect(root.querySelector('img')).toBeNull()
    expect([...root.querySelectorAll('a')].map((each) => each.textContent)).toEqual(['a chart', 'Image'])
  })

  it('puts no link into another one', () => {
    show('[![a chart](https://example.org/c.png)](https://example.org)')
    expect([...root.querySelectorAll('a')].map((each) => [each.textContent, each.getAttribute('href')])).toEqual([
      ['a chart', 'https://example.org'],
    ])
  })

  it.each([
    '[a](javascript:alert(1))',
    '[a](data:text/html,x)',
    '![a](javascript:alert(1))',
    '[a](#signin=token)',
    '[a](&#106;avascript:alert(1))',
    '<a href="javascript:alert(1)">a</a>',
    '<javascript:alert(1)>',
  ])('makes no link of %s', (text) => {
    show(text)
    expect(root.querySelector('a')).toBeNull()
    expect(root.textContent).toContain('a')
  })

  it.each([
    '<script>alert(1)</script>',
    'a <img src=x onerror=alert(1)> b',
    '<div onclick="x()">c</div>',
    '<!-- d -->',
    '<style>*{}</style>',
  ])('shows %s as the text that it is', (text) => {
    show(text)
    expect(root.querySelector('script, img, style, [onclick]')).toBeNull()
    expect(root.textContent).toContain(text)
  })

  it('takes a line break for one, in a table too', () => {
    expect(markup('| a |\n|---|\n| b<br>c |')).toContain('<td>b<br>c</td>')
  })

  it('leaves finished blocks alone while the answer grows', () => {
    show('One.\n\nTwo *and* more.\n\nThree', true)
    const before = [...root.querySelectorAll('p')]
    const inside = before[1]?.querySelector('em')?.firstChild
    show('One.\n\nTwo *and* more.\n\nThree grows.\n\n- four', true)
    show('One.\n\nTwo *and* more.\n\nThree grows.\n\n- four', false)
    const after = [...root.querySelectorAll('p')]
    for (const at of [0, 1, 2]) expect(after[at]).toBe(before[at])
    expect(after[1]?.querySelector('em')?.firstChild).toBe(inside)
  })

  it('keeps the text node, and so a selection in it, of a paragraph that is still growing', () => {
    const leaf = () => root.querySelector('p span')?.firstChild as Text
    show('The first words', true)
    const node = leaf()
    const range = document.createRange()
    range.setStart(node, 4)
    range.setEnd(node, 9)
    show('The first words of many', true)
    expect(leaf()).toBe(node)
    expect(node.data).toBe('The first words of many')
    expect(range.toString()).toBe('first')
  })

  it('shows another text where the server replaced the answer', () => {
    show('One.\n\nTwo', true)
    show('Other', true)
    expect(root.textContent).toBe('Other')
    show('', true)
    expect(root.textContent).toBe('')
  })

  it('leaves no heading level out', () => {
    show('# a\n\n#### b')
    expect([...root.querySelectorAll('h3, h4, h5, h6')].map((each) => each.tagName)).toEqual(['H3', 'H4'])
  })
})
