import { flushPromises } from '@vue/test-utils'
import { expect, test, vi } from 'vitest'
import { ApiError } from '@/api/problems'
import { type Page, usePages } from './pages'

type Row = string
const read = vi.fn<(cursor?: string) => Promise<Page<Row>>>()
const keyOf = (row: Row) => row.charAt(0) // d and d' are the same row, before and after
const page = (rows: string, next: string | null = null): Page<Row> => ({ items: rows.split(' ').filter(Boolean), next })

/** Two pages of two rows that are held, and more to come. */
async function twoPages() {
  read.mockReset().mockResolvedValueOnce(page('d c', '2')).mockResolvedValueOnce(page('b a', '3'))
  const list = usePages(read, keyOf)
  await list.load()
  await list.more()
  return { list, rows: () => list.items.value.join(' ') }
}

test.each([
  ['a new row enters on top', page('e d', '2'), 'e d c b a', '3'],
  ['a changed row changes where it stands', page("d' c", '2'), "d' c b a", '3'],
  ['a row that has left the first page’s range goes, and none stands twice', page('c b', '2'), 'c b a', '3'],
  ['what is all there is is all that is left', page('d c'), 'd c', null],
  ['nothing is left', page(''), '', null],
  ['more than a page is new: there may be a gap, so it begins anew', page('g f', '2'), 'g f', '2'],
])('read again: %s', async (_, answer, left, next) => {
  const { list, rows } = await twoPages()
  read.mockResolvedValueOnce(answer)
  await list.refresh()
  expect([rows(), list.next.value]).toEqual([left, next])
})

test.each([
  ['it is on the page with what was held', 'e', page('e d', '2'), 'e d c b a', '3'],
  ['it is all of the page: what comes after that is not known', 'f e', page('e f', '2'), 'e f', '2'],
  ['some of it is beyond the page, wherever it was put', 'g f e', page('g e', '2'), 'g e', '2'],
])('what was merged is read: %s', async (_, some, answer, left, next) => {
  const { list, rows } = await twoPages()
  list.merge(some.split(' '))
  read.mockResolvedValueOnce(answer)
  await list.refresh()
  expect([rows(), list.next.value]).toEqual([left, next])
})

test('what is merged while an older answer is on its way stays on top, and is no reason to begin anew', async () => {
  const { list, rows } = await twoPages()
  read.mockResolvedValueOnce(page('d c', '2')).mockResolvedValueOnce(page('e d', '2'))
  const refreshed = list.refresh()
  list.merge(['e'])
  await refreshed
  expect(rows()).toBe('e d c b a')
  await list.refresh()
  expect([rows(), list.next.value]).toEqual(['e d c b a', '3'])
})

test('a next page that is on its way when the first is read again still enters', async () => {
  const { list, rows } = await twoPages()
  let arrive: (next: Page<Row>) => void = () => undefined
  read.mockReturnValueOnce(new Promise((done) => (arrive = done))).mockResolvedValueOnce(page('e d', '2'))
  const more = list.more()
  const refreshed = list.refresh()
  await flushPromises()
  arrive(page('9 8', '4'))
  await Promise.all([more, refreshed])
  expect([rows(), list.next.value]).toEqual(['e d c b a 9 8', '4'])
})

test('a next page of what was asked before does not enter what is asked now', async () => {
  const { list, rows } = await twoPages()
  let arrive: (next: Page<Row>) => void = () => undefined
  read.mockReturnValueOnce(new Promise((done) => (arrive = done))).mockResolvedValueOnce(page('z y', '2'))
  const more = list.more()
  await list.load()
  arrive(page('9 8', '4'))
  await more
  expect([rows(), list.next.value]).toEqual(['z y', '2'])
})

test('read again while another list is asked for, it is that list and nothing of the old one', async () => {
  const { list, rows } = await twoPages()
  read.mockResolvedValueOnce(page('d c', '2')).mockResolvedValueOnce(page('d c', '2'))
  await Promise.all([list.load(), list.refresh()])
  expect([rows(), list.next.value]).toEqual(['d c', '2'])
})

test('what could not be read again stays, and is stale until it can', async () => {
  const { list, rows } = await twoPages()
  read.mockRejectedValueOnce(new ApiError(503, '', '')).mockResolvedValueOnce(page('d c', '2'))
  await list.refresh()
  expect([rows(), list.stale.value]).toEqual(['d c b a', true])
  await list.refresh()
  expect([rows(), list.stale.value]).toEqual(['d c b a', false])
})
