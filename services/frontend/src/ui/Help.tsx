import { SHORTCUTS } from '../core/shortcuts'
import { help } from '../strings/help'
import '../styles/help.css'
import { Dialog } from './Dialog'

/** The shortcuts, in a dialog. */
export function Help({ onClose }: { onClose: () => void }) {
  const close = (
    <button type="button" class="button" autofocus onClick={onClose}>
      {help.close}
    </button>
  )
  return (
    <Dialog title={help.title} onClose={onClose} actions={close}>
      <dl class="help">
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
    </Dialog>
  )
}
