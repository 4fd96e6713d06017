import { useEffect, useRef } from 'preact/hooks'
import { SHORTCUTS } from '../core/shortcuts'
import { help } from '../strings/help'
import '../styles/help.css'
import { Icon } from './Icons'

/** The shortcuts, in a dialog. */
export function Help({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => dialog.current?.showModal(), [])
  return (
    <dialog ref={dialog} class="help" aria-labelledby="help-title" onClose={onClose}>
      <header>
        <h2 id="help-title">{help.title}</h2>
        <button type="button" class="icon-button" onClick={() => dialog.current?.close()}>
          <Icon name="close" />
          <span class="hidden">{help.close}</span>
        </button>
      </header>
      <dl>
        {SHORTCUTS.map(([word, keys]) => (
          <div key={word}>
            <dt>{help.words[word]}</dt>
            <dd>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
      <p class="quiet">{help.mac}</p>
    </dialog>
  )
}
