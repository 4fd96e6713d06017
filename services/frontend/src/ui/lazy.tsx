import type { ComponentType } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { t } from '../strings'

type Load<Props> = () => Promise<ComponentType<Props>>

/** A component that is loaded when it is first shown. */
export function lazy<Props extends object>(load: Load<Props>): ComponentType<Props> {
  let loaded: ComponentType<Props> | null = null
  return function Lazy(props: Props) {
    const [state, setState] = useState<'loading' | 'ready' | 'failed'>(loaded === null ? 'loading' : 'ready')
    const get = (): void => {
      setState('loading')
      load().then(
        (component) => {
          loaded = component
          setState('ready')
        },
        () => setState('failed'),
      )
    }
    useEffect(() => {
      if (loaded === null) get()
    }, [])
    const Loaded = loaded
    if (state === 'ready' && Loaded !== null) return <Loaded {...props} />
    if (state === 'loading') return <div class="centre" aria-busy="true" />
    return (
      <div class="centre" role="alert">
        <p>{t.boot.unreachableDetail}</p>
        <button type="button" class="button" onClick={get}>
          {t.boot.retry}
        </button>
      </div>
    )
  }
}
