import { Component, createRef } from 'preact'

/**
 * Text that mostly grows at its end, without losing a selection inside it. Setting a text node's data anew would drop
 * the selection, so what was added is appended.
 */
export class Leaf extends Component<{ text: string }> {
  readonly #span = createRef<HTMLSpanElement>()

  override shouldComponentUpdate(next: { text: string }): boolean {
    const before = this.props.text
    const node = this.#span.current?.firstChild
    if (next.text === before) return false
    if (!(node instanceof Text)) return true
    if (next.text.startsWith(before)) node.appendData(next.text.slice(before.length))
    else node.data = next.text
    return false
  }

  override render() {
    return <span class="leaf" ref={this.#span}>{this.props.text}</span>
  }
}
