import type { RefObject } from 'preact'
import { useCallback, useLayoutEffect, useRef, useState } from 'preact/hooks'

/** So near to the end a reader who scrolls down means the end. */
const NEAR_PX = 24

interface Follow {
  scroller: RefObject<HTMLDivElement | null>
  content: RefObject<HTMLDivElement | null>
  /** The reader has scrolled away from the end. */
  away: boolean
  onScroll: () => void
  toEnd: () => void
}

/** Keeps the end in view while it grows, until the reader scrolls up, and again once they are back at the end. */
export function useFollow(): Follow {
  const scroller = useRef<HTMLDivElement>(null)
  const content = useRef<HTMLDivElement>(null)
  const pinned = useRef(true)
  const lastTop = useRef(0)
  const [away, setAway] = useState(false)

  const settle = useCallback((): void => {
    const box = scroller.current
    if (box === null || !pinned.current) return
    box.scrollTop = box.scrollHeight
    lastTop.current = box.scrollTop
  }, [])

  const onScroll = useCallback((): void => {
    const box = scroller.current
    if (box === null) return
    const distance = box.scrollHeight - box.clientHeight - box.scrollTop
    if (box.scrollTop < lastTop.current && distance > 1) pinned.current = false
    else if (distance <= NEAR_PX) pinned.current = true
    lastTop.current = box.scrollTop
    setAway(!pinned.current)
  }, [])

  const toEnd = useCallback((): void => {
    pinned.current = true
    setAway(false)
    settle()
  }, [])

  useLayoutEffect(() => {
    const observer = new ResizeObserver(settle)
    for (const each of [scroller.current, content.current]) if (each !== null) observer.observe(each)
    settle()
    return () => observer.disconnect()
  }, [])

  return { scroller, content, away, onScroll, toEnd }
}
