import type { Page } from 'playwright-core'
import { clock } from './reports'

/** When something was first drawn; instants in ms since 1970 by the page's `performance` clock. */
export interface Sighting {
  at: number
  what: string
  value: string
}

declare global {
  interface Window {
    sightings: Sighting[]
  }
}

/**
 * Watch what the page draws. Each change of the document is looked at in the frame after it, once the browser
 * has painted: of every element that matches, the attribute that names it, and its text where `text` is set.
 */
export async function watch(page: Page, selector: string, attribute: string, text = ''): Promise<void> {
  await page.evaluate(
    ([selector, attribute, text]) => {
      const last = new Map<string, string>()
      window.sightings = []
      const look = () => {
        const at = performance.timeOrigin + performance.now()
        for (const element of document.querySelectorAll(selector!)) {
          const what = element.getAttribute(attribute!) ?? ''
          const value = text ? (element.querySelector(text)?.textContent?.trim() ?? '') : ''
          if (last.get(what) === value) continue
          last.set(what, value)
          window.sightings.push({ at, what, value })
        }
      }
      let due = false
      const painted = new MessageChannel()
      painted.port1.onmessage = () => {
        due = false
        look()
      }
      const soon = () => {
        if (due) return
        due = true
        requestAnimationFrame(() => painted.port2.postMessage(null))
      }
      look()
      new MutationObserver(soon).observe(document.body, { subtree: true, childList: true, characterData: true })
    },
    [selector, attribute, text],
  )
}

export async function sightings(page: Page): Promise<Sighting[]> {
  return await page.evaluate(() => window.sightings)
}

/** By how many ms the page's clock is ahead of this process's: that of the quickest of some exchanges. */
export async function ahead(page: Page): Promise<number> {
  let best = { took: Number.POSITIVE_INFINITY, ahead: 0 }
  for (let round = 0; round < 15; round += 1) {
    const before = clock()
    const there = await page.evaluate(() => performance.timeOrigin + performance.now())
    const took = clock() - before
    if (took < best.took) best = { took, ahead: there - before - took / 2 }
  }
  return best.ahead
}

/** `p50 120 ms  p99 480 ms  most 510 ms  (n=200)`, by nearest rank. */
export function figures(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b)
  const rank = (share: number) => Math.round(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN)
  return `p50 ${rank(0.5)} ms  p99 ${rank(0.99)} ms  most ${rank(1)} ms  (n=${sorted.length})`
}
