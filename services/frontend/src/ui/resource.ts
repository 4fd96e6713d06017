import { useEffect, useRef, useState } from 'preact/hooks'
import { explain } from '../state/explain'
import { useApp } from './context'

export interface Resource<Value> {
  readonly value: Value | null
  /** Why it could not be read, in words; empty otherwise. */
  readonly problem: string
  reload(): Promise<void>
  set(value: Value): void
}

/** Something that the server has, read when it is first shown and whenever one of ``parts`` changes. */
export function useResource<Value>(load: () => Promise<Value>, parts: readonly unknown[] = []): Resource<Value> {
  const app = useApp()
  const [value, set] = useState<Value | null>(null)
  const [problem, setProblem] = useState('')
  const round = useRef(0)
  const reload = async (): Promise<void> => {
    round.current += 1
    const mine = round.current
    try {
      const loaded = await load()
      if (mine !== round.current) return
      set(loaded)
      setProblem('')
    } catch (error) {
      if (mine !== round.current) return
      app.onError(error)
      setProblem(explain(error))
    }
  }
  useEffect(() => {
    void reload()
    return () => {
      round.current += 1
    }
  }, parts)
  return { value, problem, reload, set }
}

/** Something that is done once at a time: whether it is being done, why it did not work, and what does it. */
export function useAction(): [boolean, string, (run: () => Promise<void>) => Promise<boolean>] {
  const app = useApp()
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const running = useRef(false)
  const act = async (run: () => Promise<void>): Promise<boolean> => {
    if (running.current) return false
    running.current = true
    setBusy(true)
    setProblem('')
    try {
      await run()
      return true
    } catch (error) {
      app.onError(error)
      setProblem(explain(error))
      return false
    } finally {
      running.current = false
      setBusy(false)
    }
  }
  return [busy, problem, act]
}
