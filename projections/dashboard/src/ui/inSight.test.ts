import type { VueWrapper } from '@vue/test-utils'
import { afterEach, expect, test } from 'vitest'
import { h } from 'vue'
import { show } from '@/testing/show'
import { rowAt, WHOLE } from './inSight'
import VirtualRows from './VirtualRows.vue'

let shown: VueWrapper | undefined
afterEach(() => shown?.unmount())
const columns = [{ key: 'name', label: 'Name' }]
const table = (count: number, complete = true) =>
  show(VirtualRows, { rows: Array.from({ length: count }, (_, index) => `r${index}`), columns, keyOf: String, label: 'Names', complete, default: () => h('span') })

test('the row at a height is the one whose edges are around it', () => {
  const tops = [0, 50, 150, 200]
  expect([-9, 0, 49, 50, 149, 150, 199, 5000].map((y) => rowAt(tops, y))).toEqual([0, 0, 0, 1, 1, 2, 2, 2])
})

test('a list that is not long is whole in the document', async () => {
  shown = await table(WHOLE)
  expect(shown.findAll('[data-row]')).toHaveLength(WHOLE)
})

test('of a long one only rows near the screen are there, counted as what they are', async () => {
  shown = await table(5000)
  expect(shown.findAll('[data-row]').length).toBeLessThan(150)
  expect(shown.attributes('aria-rowcount')).toBe('5001')
  expect(shown.find('[data-row=r7]').attributes('aria-rowindex')).toBe('9')
})

test('while the server has more, the number of rows is said to be unknown', async () => {
  shown = await table(50, false)
  expect(shown.attributes('aria-rowcount')).toBe('-1')
})
