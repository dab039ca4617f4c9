import { useEventListener } from '@vueuse/core'
import { type ComponentPublicInstance, computed, onBeforeUnmount, onMounted, type Ref, ref, shallowRef, watch } from 'vue'

/** Lists up to this long are whole in the document, so that the browser finds and prints all of it. */
export const WHOLE = 300
/** Rows kept beyond either edge of the screen: the next one is there for the Tab key and a fast wheel. */
export const BEYOND = 50

export interface Sight {
  first: number
  /** The first that is not shown any more. */
  end: number
  /** Heights in px of what is left out above and below. */
  above: number
  below: number
}

/**
 * Which rows of a list are near the screen, while the page itself scrolls.
 *
 * Rows may differ in height: one that has been shown is as high as it was, any other is taken for `estimate` px.
 * `box` is the element that the rows stand in; `measure` is each row's `ref`.
 */
export function useInSight(keys: Readonly<Ref<readonly string[]>>, estimate: () => number, box: Readonly<Ref<HTMLElement | null>>) {
  const heights = new Map<string, number>()
  const measured = ref(0)
  const screen = shallowRef({ top: 0, bottom: 0 })
  const tops = computed(() => {
    void measured.value
    let top = 0
    return [0, ...keys.value.map((key) => (top += heights.get(key) ?? estimate()))]
  })
  const sight = computed<Sight>(() => {
    const count = keys.value.length
    if (count <= WHOLE) return { first: 0, end: count, above: 0, below: 0 }
    const first = Math.max(0, rowAt(tops.value, screen.value.top) - BEYOND)
    const end = Math.min(count, rowAt(tops.value, screen.value.bottom) + 1 + BEYOND)
    const at = (row: number) => tops.value[row] ?? 0
    return { first, end, above: at(first), below: at(count) - at(end) }
  })

  const observer = new ResizeObserver((entries) => {
    for (const entry of entries) {
      const row = entry.target as HTMLElement
      const key = row.dataset.row
      if (key && row.isConnected) heights.set(key, row.offsetHeight)
    }
    measured.value += 1
  })
  onBeforeUnmount(() => observer.disconnect())

  function measure(row: Element | ComponentPublicInstance | null): void {
    if (row instanceof HTMLElement) observer.observe(row)
  }
  function look(): void {
    if (!box.value) return
    const top = -box.value.getBoundingClientRect().top
    screen.value = { top, bottom: top + window.innerHeight }
  }
  onMounted(look)
  useEventListener(window, ['scroll', 'resize'], look, { passive: true })
  watch(keys, look, { flush: 'post' })
  return { sight, measure }
}

/** The row that covers `y`, by halving: `tops` has each row's upper edge and the last one's lower edge. */
export function rowAt(tops: readonly number[], y: number): number {
  let low = 0
  let high = tops.length - 2
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((tops[middle] ?? 0) <= y) low = middle
    else high = middle - 1
  }
  return low
}
