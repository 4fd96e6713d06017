import { useEffect, useState } from 'preact/hooks'
import { useApp } from '../ui/context'
import { useResource, type Resource } from '../ui/resource'

/** How often what is shown is read again. */
export const LIVE_MS = 5_000

/** Something of the server's that is read again and again while somebody can see it, and not while nobody can. */
export function useLive<Value>(load: () => Promise<Value>, parts: readonly unknown[] = []): Resource<Value> {
  const { env } = useApp()
  const resource = useResource(load, parts)
  const [visible, setVisible] = useState(true)
  useEffect(() => env.onVisible(setVisible), [])
  useEffect(() => {
    if (!visible) return undefined
    let over = false
    let stop = (): void => {}
    const again = (): void => {
      stop = env.after(LIVE_MS, () => {
        void resource.reload().then(() => over || again())
      })
    }
    again()
    return () => {
      over = true
      stop()
    }
  }, [visible, ...parts])
  return resource
}
