/** Work that is left until the reader can see what it is for. */

const AROUND = '300px'

const waiting = new WeakMap<Element, () => void>()
let observer: IntersectionObserver | null = null

function watcher(): IntersectionObserver {
  observer ??= new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue
        const run = waiting.get(target)
        forget(target)
        run?.()
      }
    },
    { rootMargin: AROUND },
  )
  return observer
}

function forget(element: Element): void {
  observer?.unobserve(element)
  waiting.delete(element)
}

/** Run once when the element comes near what is shown. Returns what calls it off. */
export function whenSeen(element: Element, run: () => void): () => void {
  waiting.set(element, run)
  watcher().observe(element)
  return () => forget(element)
}
