/** Line icons on a 24-unit grid. They decorate: the word beside each says the same. */

const PATHS = {
  alert: 'M12 8.5v4.5M12 16.5v.01M10.3 4.1 2.9 17a2 2 0 0 0 1.7 3h14.8a2 2 0 0 0 1.7-3L13.7 4.1a2 2 0 0 0-3.4 0Z',
  arrowDown: 'M12 5v14M6 13l6 6 6-6',
  arrowUp: 'M12 19V5M6 11l6-6 6 6',
  check: 'M5 12.5 10 17.5 19 7',
  chevron: 'm7 10 5 5 5-5',
  close: 'M6 6l12 12M18 6 6 18',
  cloud: 'M7 19a4.5 4.5 0 0 1-.6-8.96 6 6 0 0 1 11.6 1.02A4 4 0 0 1 17.5 19Z',
  copy: 'M9 9h10v11H9zM5 15V4h10',
  download: 'M12 4v11M7 10.5l5 5 5-5M5 20h14',
  gauge: 'M4 18a8.5 8.5 0 1 1 16 0M12 14l3.5-4.5M12 15.5v.01',
  home: 'M4 11.5 12 4.5l8 7M6 10v9.5h12V10M10 19.5v-5h4v5',
  info: 'M12 11v5.5M12 7.5v.01M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z',
  menu: 'M4 7h16M4 12h16M4 17h10',
  minus: 'M6 12h12',
  more: 'M12 6v.01M12 12v.01M12 18v.01',
  pen: 'M12 20h8M4 20l1-4.5L16 4.5a2 2 0 0 1 3 3L8 18.5 4 20Z',
  search: 'M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13ZM15.5 15.5 20 20',
  send: 'M12 19V5M6 11l6-6 6 6',
  signOut: 'M14 4h4a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1h-4M10 16l-4-4 4-4M6 12h9',
  sliders: 'M4 8h9M17 8h3M4 16h3M11 16h9M15 6v4M9 14v4',
  stop: 'M7.5 7.5h9v9h-9z',
  again: 'M19 12a7 7 0 1 1-2-4.9M19 4v4h-4',
  left: 'm14 7-5 5 5 5',
  right: 'm10 7 5 5-5 5',
  forward: 'M5 12h13M13 7l5 5-5 5',
  lock: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3',
  unlock: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 6.8-1.2',
  away: 'M4 9a12 12 0 0 1 16 0M7.5 12.8a7 7 0 0 1 9 0M12 17.5v.01M4 4l16 16',
} as const

export type IconName = keyof typeof PATHS

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg
      class={`icon icon-${name}`}
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.75"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  )
}

/** The mark of the product: a four-pointed star. */
export function Mark({ size = 24 }: { size?: number }) {
  return (
    <svg class="mark" width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="9" />
      <path d="M16 5.5c.9 6.4 4.1 9.6 10.5 10.5-6.4.9-9.6 4.1-10.5 10.5-.9-6.4-4.1-9.6-10.5-10.5 6.4-.9 9.6-4.1 10.5-10.5Z" />
    </svg>
  )
}
