import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { effectScope, nextTick } from 'vue'
import { useAfresh } from './afresh'

const again = vi.fn()
const scope = effectScope()
let visible: DocumentVisibilityState = 'visible'
beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  scope.stop()
  vi.useRealTimers()
})

async function turn(next: DocumentVisibilityState): Promise<void> {
  visible = next
  document.dispatchEvent(new Event('visibilitychange'))
  await nextTick()
}

test('it is read again every minute while it is seen, and at once when it is seen again', async () => {
  vi.spyOn(document, 'visibilityState', 'get').mockImplementation(() => visible)
  scope.run(() => useAfresh(again))
  expect(again).not.toHaveBeenCalled()
  vi.advanceTimersByTime(120_000)
  expect(again).toHaveBeenCalledTimes(2)
  await turn('hidden')
  vi.advanceTimersByTime(600_000)
  expect(again).toHaveBeenCalledTimes(2)
  await turn('visible')
  expect(again).toHaveBeenCalledTimes(3)
  scope.stop()
  vi.advanceTimersByTime(120_000)
  expect(again).toHaveBeenCalledTimes(3)
})
