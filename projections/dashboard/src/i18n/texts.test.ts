import { expect, test } from 'vitest'
import en from './en'
import zh from './zh'

type Tree = { [key: string]: string | Tree }

function texts(tree: Tree, path = ''): [string, string][] {
  return Object.entries(tree).flatMap(([key, value]) => (typeof value === 'string' ? [[`${path}${key}`, value] as [string, string]] : texts(value, `${path}${key}.`)))
}

const holes = (text: string) => [...new Set([...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]))].sort().join()

test('both languages have the same texts, with the same holes, and none is empty', () => {
  const chinese = new Map(texts(zh))
  const english = new Map(texts(en))
  expect([...english.keys()].sort()).toEqual([...chinese.keys()].sort())
  for (const [key, text] of english) {
    expect(text, key).not.toBe('')
    expect(holes(text), key).toBe(holes(chinese.get(key) ?? ''))
  }
})
