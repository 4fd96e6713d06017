import { describe, expect, it } from 'vitest'
import { highlight, languageNamed, LONGEST } from '../src/core/highlight'

async function parts(language: string, code: string): Promise<[string, string][]> {
  return (await highlight(language, code)).map(({ from, to, kind }) => [kind, code.slice(from, to)])
}

describe('code in colours', () => {
  it('says of each part what it is, in order and without overlap', async () => {
    expect(await parts('py', 'def f(a):\n    return "x"  # why')).toEqual([
      ['keyword', 'def'],
      ['title', 'f'],
      ['name', 'a'],
      ['keyword', 'return'],
      ['string', '"x"'],
      ['comment', '# why'],
    ])
    const code = 'const a = `x${1}` // y'
    let end = 0
    for (const { from, to } of await highlight('typescript', code)) {
      expect(from).toBeGreaterThanOrEqual(end)
      end = to
    }
    expect(end).toBe(code.length)
  })

  it('knows languages by the names that models use', () => {
    const names = ['C++', 'sh', 'TSX', 'yml', 'html', 'docker']
    expect(names.map(languageNamed)).toEqual(['cpp', 'bash', 'typescript', 'yaml', 'xml', 'dockerfile'])
    expect(languageNamed('constructor')).toBeNull()
  })

  it('leaves plain what it does not know, and what is too long', async () => {
    expect(await highlight('klingon', 'let a')).toEqual([])
    expect(await highlight('js', 'x'.repeat(LONGEST + 1))).toEqual([])
  })

  it('can read every language that it names', async () => {
    const names = ['bash', 'c', 'cpp', 'csharp', 'css', 'diff', 'dockerfile', 'go', 'ini', 'java', 'javascript', 'json']
    names.push('kotlin', 'lua', 'makefile', 'php', 'powershell', 'python', 'r', 'ruby', 'rust', 'scala', 'scss')
    names.push('sql', 'swift', 'typescript', 'xml', 'yaml')
    for (const name of names) expect(await highlight(name, '"a" 1'), name).toBeInstanceOf(Array)
  })
})
