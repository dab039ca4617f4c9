import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'
import { afterAll, expect, test } from 'vitest'
import { logIn, visitor } from './browser'
import { type Sight, sights } from './pages'
import { alertsThatAre, failingLists, noAnswer, nothingThere } from './states'

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

/** States that a page is in at times only: what brings one about, on which page, and what shows that it is there. */
const STATES: { name: string; page: Sight['name']; ready: string; before?(page: Page): Promise<void>; after?(page: Page): Promise<void> }[] = [
  { name: 'nothing there', page: 'alerts', ready: 'main .message', before: nothingThere },
  { name: 'no answer yet', page: 'compliance', ready: 'main .skeleton', before: noAnswer },
  { name: 'failed', page: 'patients', ready: 'main [role=alert]', before: failingLists },
  { name: 'offline', page: 'now', ready: '[data-window]', after: loseNetwork },
  { name: 'alert to assess', page: 'alert', ready: '.detail .el-radio', before: (page) => alertsThatAre(page, 'acknowledged') },
  { name: 'alert to close', page: 'alert', ready: '#outcome', before: (page) => alertsThatAre(page, 'assessed') },
  { name: 'alert closed', page: 'alert', ready: 'text=Resolved', before: (page) => alertsThatAre(page, 'closed') },
  { name: 'adverse event to report', page: 'patient', ready: '.head .actions .el-button', after: openReport },
  { name: 'menu open', page: 'now', ready: '[data-window]', after: openMenu },
  { name: 'choice open', page: 'alerts', ready: '.split .list', after: openChoice },
]

async function loseNetwork(page: Page): Promise<void> {
  await page.context().setOffline(true)
  await page.waitForSelector('.pill.offline')
}

async function openReport(page: Page): Promise<void> {
  await page.click('.head .actions .el-button')
  await page.waitForSelector('.el-dialog #term')
}

async function openMenu(page: Page): Promise<void> {
  if (await page.isVisible('.burger')) await page.click('.burger')
  else {
    await page.click('.menus .el-dropdown .el-button')
    await page.waitForSelector('.el-dropdown-menu')
  }
}

async function openChoice(page: Page): Promise<void> {
  await page.click('.list .el-select')
  await page.waitForSelector('.el-select-dropdown__item')
}

async function checkPages(page: Page, pages: readonly Sight[], variant: string): Promise<string[]> {
  const found: string[] = []
  for (const { name, path, ready } of pages) {
    await page.goto(path)
    await page.waitForSelector(ready)
    await page.waitForTimeout(300)
    found.push(...(await check(page, `${name} ${variant}`)))
  }
  return found
}

async function checkStates(page: Page, pages: readonly Sight[], variant: string): Promise<string[]> {
  const found: string[] = []
  for (const { name, page: on, ready, before, after } of STATES) {
    await before?.(page)
    await page.goto(pages.find((one) => one.name === on)!.path)
    await page.waitForSelector(ready)
    await after?.(page)
    await page.waitForTimeout(400)
    found.push(...(await check(page, `${name} ${variant}`)))
    await page.unrouteAll({ behavior: 'ignoreErrors' })
    await page.context().setOffline(false)
  }
  return found
}

for (const [size, width] of Object.entries(WIDTHS))
  for (const language of LANGUAGES)
    for (const theme of THEMES)
      test(`every page is free of axe violations: ${size}, ${language}, ${theme}`, { timeout: 600_000 }, async () => {
        const { page, complaints, close } = await visitor({ width, height: 900, language, theme })
        const variant = `${size} ${language} ${theme}`
        const found: string[] = []
        try {
          await page.emulateMedia({ reducedMotion: 'reduce' })
          await page.goto('/login')
          await page.waitForSelector('#username')
          found.push(...(await check(page, `login ${variant}`)))
          await logIn(page, 'dr.chen')
          const pages = await sights(page)
          found.push(...(await checkPages(page, pages, variant)), ...(await checkStates(page, pages, variant)))
          await page.evaluate(() => sessionStorage.clear())
          await logIn(page, 'coord.all') // who sees forty sites and the quarantine
          const wider = (await sights(page)).filter((one) => ['now', 'quarantine', 'compliance'].includes(one.name))
          found.push(...(await checkPages(page, wider, `of all sites ${variant}`)))
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
