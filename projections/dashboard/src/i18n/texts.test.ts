import { expect, test } from 'vitest'
import { en, zh } from './messages'

type Tree = { [key: string]: string | Tree }

function texts(tree: Tree, path = ''): [string, string][] {
  return Object.entries(tree).flatMap(([key, value]) => (typeof value === 'string' ? [[`${path}${key}`, value] as [string, string]] : texts(value, `${path}${key}.`)))
}

const holes = (text: string) => [...new Set([...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]))].sort().join()
const sources = Object.values(import.meta.glob<string>(['../**/*.{ts,vue}', '!../**/*.test.ts', '!./texts/*'], { query: '?raw', import: 'default', eager: true })).join('\n')

test('both languages have the same texts, with the same holes, and none is empty', () => {
  const chinese = new Map(texts(zh))
  const english = new Map(texts(en))
  expect([...english.keys()].sort()).toEqual([...chinese.keys()].sort())
  for (const [key, text] of english) {
    expect(text, key).not.toBe('')
    expect(holes(text), key).toBe(holes(chinese.get(key) ?? ''))
  }
})

test('every text that a component asks for is there', () => {
  const known = new Set(texts(zh).map(([key]) => key))
  const asked = [...sources.matchAll(/\bt\(\s*'([\w.]+)'/g)].map((match) => match[1]!)
  expect(asked.length).toBeGreaterThan(100)
  expect(asked.filter((key) => !known.has(key))).toEqual([])
})

test('no text is left that nothing asks for', () => {
  const computed = [...sources.matchAll(/`([a-zA-Z]+(?:\.[a-zA-Z]+)*)(?:\.\w*|\[")\$\{/g)].map((match) => match[1]!)
  const used = (key: string) => sources.includes(`'${key}'`) || computed.some((start) => key.startsWith(`${start}.`))
  expect(texts(zh).map(([key]) => key).filter((key) => !used(key))).toEqual([])
})
