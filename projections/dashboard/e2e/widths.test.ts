import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { logIn, visitor } from './browser'
import { sights } from './pages'

const WIDTHS = [360, 768, 1920]

/** What does not fit: a page that scrolls sideways, controls that stick out of it or hide part of their words. */
async function misfits(page: Page): Promise<string[]> {
  return await page.evaluate(() => {
    const name = (element: Element) => element.outerHTML.replace(/\s+/g, ' ').slice(0, 140)
    const scrolled = (element: Element) => { for (let up = element.parentElement; up; up = up.parentElement) if (/auto|scroll/.test(getComputedStyle(up).overflowX)) return true; return false }
    const found: string[] = []
    const { scrollWidth, clientWidth } = document.documentElement
    if (scrollWidth > clientWidth) found.push(`the page is ${scrollWidth - clientWidth} px wider than the screen`)
    for (const element of document.querySelectorAll('a, button, input, textarea, h1, h2, h3, p, th, td, dt, dd, label, [role=cell], [role=rowheader]')) {
      const box = element.getBoundingClientRect()
      const style = getComputedStyle(element)
      if (!box.width || !box.height || style.visibility === 'hidden' || element.closest('.visually-hidden, .skip, [aria-hidden=true], .nav:not(.open)')) continue
      if (style.clipPath !== 'none' || element.closest('.top')) continue
      if ((box.left < -1 || box.right > clientWidth + 1) && !scrolled(element)) found.push(`sticks out: ${name(element)}`)
      const clips = /hidden|clip/.test(style.overflowX) && style.textOverflow !== 'ellipsis'
      if (clips && element.scrollWidth > element.clientWidth + 1) found.push(`cut off: ${name(element)}`)
    }
    return found
  })
}

for (const language of ['en', 'zh'] as const)
  for (const width of WIDTHS)
    test(`every page fits a screen of ${width} px: ${language}`, { timeout: 240_000 }, async () => {
      const { page, close } = await visitor({ width, height: 800, language })
      const found: string[] = []
      try {
        await page.goto('/login')
        await page.waitForSelector('#username')
        found.push(...(await misfits(page)).map((one) => `login: ${one}`))
        for (const who of ['dr.chen', 'coord.all']) {
          await page.evaluate(() => sessionStorage.clear())
          await logIn(page, who)
          for (const sight of await sights(page)) {
            await page.goto(sight.path)
            await page.waitForSelector(sight.ready)
            await page.waitForTimeout(200)
            found.push(...(await misfits(page)).map((one) => `${sight.name} of ${who}: ${one}`))
          }
        }
        expect([...new Set(found)]).toEqual([])
      } finally {
        await close()
      }
    })
