/** Code in colours: which part of it is what. Loaded when the first code is seen, each language when it is met. */

import { createLowlight, type LanguageFn } from 'lowlight'

export const KINDS = ['keyword', 'string', 'number', 'comment', 'title', 'type', 'name', 'meta', 'added', 'removed'] as const

export type Kind = (typeof KINDS)[number]

/** A part of the code, from its first character up to before ``to``. */
export interface Run {
  from: number
  to: number
  kind: Kind
}

/** More than this is not worth the time that it takes. */
export const LONGEST = 60_000

const LOADERS: Readonly<Record<string, () => Promise<{ default: LanguageFn }>>> = {
  bash: () => import('highlight.js/lib/languages/bash'),
  c: () => import('highlight.js/lib/languages/c'),
  cpp: () => import('highlight.js/lib/languages/cpp'),
  csharp: () => import('highlight.js/lib/languages/csharp'),
  css: () => import('highlight.js/lib/languages/css'),
  diff: () => import('highlight.js/lib/languages/diff'),
  dockerfile: () => import('highlight.js/lib/languages/dockerfile'),
  go: () => import('highlight.js/lib/languages/go'),
  ini: () => import('highlight.js/lib/languages/ini'),
  java: () => import('highlight.js/lib/languages/java'),
  javascript: () => import('highlight.js/lib/languages/javascript'),
  json: () => import('highlight.js/lib/languages/json'),
  kotlin: () => import('highlight.js/lib/languages/kotlin'),
  lua: () => import('highlight.js/lib/languages/lua'),
  makefile: () => import('highlight.js/lib/languages/makefile'),
  php: () => import('highlight.js/lib/languages/php'),
  powershell: () => import('highlight.js/lib/languages/powershell'),
  python: () => import('highlight.js/lib/languages/python'),
  r: () => import('highlight.js/lib/languages/r'),
  ruby: () => import('highlight.js/lib/languages/ruby'),
  rust: () => import('highlight.js/lib/languages/rust'),
  scala: () => import('highlight.js/lib/languages/scala'),
  scss: () => import('highlight.js/lib/languages/scss'),
  sql: () => import('highlight.js/lib/languages/sql'),
  swift: () => import('highlight.js/lib/languages/swift'),
  typescript: () => import('highlight.js/lib/languages/typescript'),
  xml: () => import('highlight.js/lib/languages/xml'),
  yaml: () => import('highlight.js/lib/languages/yaml'),
}

const ALIASES: Readonly<Record<string, string>> = {
  'c#': 'csharp',
  'c++': 'cpp',
  cc: 'cpp',
  console: 'bash',
  cs: 'csharp',
  docker: 'dockerfile',
  golang: 'go',
  html: 'xml',
  js: 'javascript',
  jsonc: 'json',
  jsx: 'javascript',
  kt: 'kotlin',
  make: 'makefile',
  mjs: 'javascript',
  patch: 'diff',
  ps1: 'powershell',
  py: 'python',
  python3: 'python',
  rb: 'ruby',
  rs: 'rust',
  sh: 'bash',
  shell: 'bash',
  svg: 'xml',
  toml: 'ini',
  ts: 'typescript',
  tsx: 'typescript',
  yml: 'yaml',
  zsh: 'bash',
}

/** What highlight.js calls a part, and what it is here. A part of a part is the inner one. */
const KIND_OF: Readonly<Record<string, Kind>> = {
  addition: 'added',
  attr: 'name',
  attribute: 'name',
  built_in: 'type',
  bullet: 'keyword',
  char: 'string',
  class: 'title',
  code: 'string',
  comment: 'comment',
  deletion: 'removed',
  doctag: 'meta',
  function: 'title',
  keyword: 'keyword',
  link: 'string',
  literal: 'number',
  meta: 'meta',
  name: 'keyword',
  number: 'number',
  operator: 'keyword',
  params: 'name',
  property: 'name',
  quote: 'comment',
  regexp: 'string',
  section: 'title',
  'selector-class': 'title',
  'selector-id': 'title',
  'selector-tag': 'keyword',
  string: 'string',
  subst: 'name',
  symbol: 'number',
  tag: 'keyword',
  'template-variable': 'name',
  title: 'title',
  type: 'type',
  variable: 'name',
}

type Tree = ReturnType<ReturnType<typeof createLowlight>['highlight']>
type Nodes = Tree['children']

const low = createLowlight()
const loading = new Map<string, Promise<void>>()

/** The name by which a language's rules are known; null where there are none. */
export function languageNamed(name: string): string | null {
  const lower = name.toLowerCase()
  const canonical = Object.hasOwn(ALIASES, lower) ? (ALIASES[lower] as string) : lower
  return Object.hasOwn(LOADERS, canonical) ? canonical : null
}

function kindOf(classes: unknown): Kind | null {
  const first = Array.isArray(classes) ? String(classes[0]) : ''
  const name = first.replace(/^hljs-/, '')
  return Object.hasOwn(KIND_OF, name) ? (KIND_OF[name] as Kind) : null
}

function flatten(nodes: Nodes, outer: Kind | null, at: number, runs: Run[]): number {
  let from = at
  for (const node of nodes) {
    if (node.type === 'element') {
      from = flatten(node.children as Nodes, kindOf(node.properties.className) ?? outer, from, runs)
    } else if (node.type === 'text') {
      const to = from + node.value.length
      if (outer !== null) runs.push({ from, to, kind: outer })
      from = to
    }
  }
  return from
}

/** The coloured parts of the code, in order; none where the language is not known. */
export async function highlight(language: string, code: string): Promise<Run[]> {
  const name = languageNamed(language)
  if (name === null || code.length > LONGEST) return []
  const load = LOADERS[name] as () => Promise<{ default: LanguageFn }>
  const known = loading.get(name) ?? load().then((module) => low.register(name, module.default))
  loading.set(name, known)
  await known
  const runs: Run[] = []
  flatten(low.highlight(name, code).children, null, 0, runs)
  return runs
}
