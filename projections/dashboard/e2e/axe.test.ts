import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'
import { afterAll, expect, test } from 'vitest'
import { logIn, visitor } from './browser'
import { sights } from './pages'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
const LANGUAGES = ['zh', 'en'] as const
const THEMES = ['light', 'dark'] as const
const WIDTHS = { desktop: 1440, phone: 390 } as const
const checked: string[] = []
let violations = 0

interface Violation {
  id: string
  help: string
  nodes: { html: string; failureSummary?: string }[]
}

// Evaluated by the debugger, which the page's content policy does not concern: axe is no part of the page.
async function violationsOn(page: Page): Promise<Violation[]> {
  await page.evaluate(AXE)
  return await page.evaluate(async (values) => {
    const axe = (window as unknown as { axe: { run: (root: Document, options: object) => Promise<{ violations: Violation[] }> } }).axe
    return (await axe.run(document, { runOnly: { type: 'tag', values } })).violations
  }, TAGS)
}

async function check(page: Page, name: string): Promise<string[]> {
  const found = await violationsOn(page)
  checked.push(name)
  violations += found.length
  return found.map((one) => `${name}: ${one.id} (${one.help}) ${one.nodes.slice(0, 3).map((node) => `\n  ${node.html.slice(0, 220)}\n  ${node.failureSummary?.replaceAll('\n', ' ') ?? ''}`).join('')}`)
}

for (const [size, width] of Object.entries(WIDTHS))
  for (const language of LANGUAGES)
    for (const theme of THEMES)
      test(`every page is free of axe violations: ${size}, ${language}, ${theme}`, { timeout: 600_000 }, async () => {
        const { page, complaints, close } = await visitor({ width, height: 900, language, theme })
        const found: string[] = []
        try {
          await page.emulateMedia({ reducedMotion: 'reduce' })
          await page.goto('/login')
          await page.waitForSelector('#username')
          found.push(...(await check(page, `login ${size} ${language} ${theme}`)))
          await logIn(page, 'dr.chen')
          for (const sight of await sights(page)) {
            await page.goto(sight.path)
            await page.waitForSelector(sight.ready)
            await page.waitForTimeout(300)
            found.push(...(await check(page, `${sight.name} ${size} ${language} ${theme}`)))
            if (sight.name !== 'patient') continue
            await page.click('.head .actions .el-button')
            await page.waitForSelector('.el-dialog #term')
            await page.waitForTimeout(400)
            found.push(...(await check(page, `dialog ${size} ${language} ${theme}`)))
          }
          await page.evaluate(() => sessionStorage.clear())
          await logIn(page, 'coord.all') // who sees forty sites and the quarantine
          for (const sight of (await sights(page)).filter((one) => ['now', 'quarantine', 'compliance'].includes(one.name))) {
            await page.goto(sight.path)
            await page.waitForSelector(sight.ready)
            await page.waitForTimeout(300)
            found.push(...(await check(page, `${sight.name} of all sites ${size} ${language} ${theme}`)))
          }
        } finally {
          await close()
        }
        expect(found.join('\n')).toBe('')
        expect(complaints).toEqual([])
      })

afterAll(() => {
  const variants = LANGUAGES.length * THEMES.length * Object.keys(WIDTHS).length
  console.log(`axe: ${violations} violations on ${checked.length} views (${checked.length / variants} pages and states x ${LANGUAGES.length} languages x ${THEMES.length} themes x ${Object.keys(WIDTHS).length} widths)`)
})
