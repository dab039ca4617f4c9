import type { BrowserContext, Page } from 'playwright-core'
import { logIn, type Manner } from './browser'
import { allSites, prepareBurst } from './stack'
import { failingLists, noAnswer, nothingThere } from './states'

export interface Stage {
  page: Page
  context: BrowserContext
  shoot(of: string): Promise<unknown>
}

/** A state that pages are in only at times, brought about in the browser; a burst is a real one. */
export interface Condition {
  name: string
  says: string
  manner: Manner
  show(stage: Stage): Promise<void>
}

const LISTS = { now: '/', alerts: '/alerts', patients: '/patients', compliance: '/compliance', 'adverse-events': '/adverse-events', quarantine: '/quarantine' }
const LONG = ['Universitätsklinikum für Hämatologie und internistische Onkologie Donau-Auwald, Außenstelle Regensburg-Prüfening', '中国医学科学院附属肿瘤医院国家癌症中心化疗日间病房与患者报告结局联合研究中心（北京朝阳院区）', 'Krankenhausbetriebsgesellschaft']

async function everyList({ page, shoot }: Stage, ready: string): Promise<void> {
  for (const [name, path] of Object.entries(LISTS)) {
    await page.goto(path)
    await page.waitForSelector(ready, { timeout: 10_000 }).catch(() => undefined) // a page without it is worth a look too
    await page.waitForTimeout(700)
    await shoot(name)
  }
}

async function burst({ page, shoot }: Stage): Promise<void> {
  const send = prepareBurst(4000, allSites())
  await logIn(page, 'coord.all')
  await page.waitForSelector('.pill.live')
  const sending = send(14)
  await page.waitForTimeout(9_000)
  await shoot('now')
  await page.goto('/alerts')
  await page.waitForSelector('[data-alert]')
  await page.waitForTimeout(2_500)
  await shoot('alerts')
  await sending
}

async function emptyStudy(stage: Stage): Promise<void> {
  await nothingThere(stage.page)
  await logIn(stage.page, 'coord.all')
  await everyList(stage, 'main .message')
}

async function loading(stage: Stage): Promise<void> {
  await logIn(stage.page, 'coord.all')
  await stage.page.waitForSelector('[data-window]')
  await noAnswer(stage.page)
  await everyList(stage, 'main .skeleton')
}

async function failing(stage: Stage): Promise<void> {
  await logIn(stage.page, 'coord.all')
  await stage.page.waitForSelector('[data-window]')
  await failingLists(stage.page)
  await everyList(stage, 'main [role=alert]')
  await stage.page.route('**/api/v1/profile', (route) => route.fulfill({ status: 503, body: '' }))
  await stage.page.goto('/')
  await stage.page.waitForTimeout(700)
  await stage.shoot('whole')
}

async function disconnected({ page, context, shoot }: Stage): Promise<void> {
  await logIn(page, 'coord.all')
  await page.waitForSelector('.pill.live')
  await context.setOffline(true)
  await page.waitForSelector('.pill.offline')
  await page.waitForTimeout(20_000)
  await shoot('now')
  await page.click('a[href="/alerts"]', { force: true, timeout: 3000 }).catch(() => undefined)
  await page.waitForTimeout(800)
  await shoot('alerts')
}

async function longNames(stage: Stage): Promise<void> {
  const { page } = stage
  await page.route('**/api/v1/sites', async (route) => {
    const answer = (await (await route.fetch()).json()) as { sites: { name: string }[] }
    answer.sites.forEach((site, index) => (site.name = LONG[index % LONG.length]!))
    await route.fulfill({ json: answer })
  })
  await page.route(/\/api\/v1\/(patients|compliance)\?/, async (route) => {
    const text = await (await route.fetch()).text()
    let index = 0
    await route.fulfill({ contentType: 'application/json', body: text.replace(/"siteName":"[^"]*"/g, () => `"siteName":"${LONG[index++ % LONG.length]}"`) })
  })
  await logIn(page, 'coord.all')
  await page.waitForSelector('[data-window]')
  await everyList(stage, 'main [role=row], main [data-alert], main .message')
}

export const CONDITIONS: readonly Condition[] = [
  { name: 'burst', says: 'reports are coming in', manner: { language: 'en', theme: 'light' }, show: burst },
  { name: 'empty', says: 'a study without patients', manner: { language: 'zh', theme: 'light' }, show: emptyStudy },
  { name: 'loading', says: 'the API has not answered yet', manner: { language: 'en', theme: 'light' }, show: loading },
  { name: 'error', says: 'the API fails', manner: { language: 'en', theme: 'dark' }, show: failing },
  { name: 'offline', says: 'the network is gone', manner: { language: 'zh', theme: 'dark' }, show: disconnected },
  { name: 'long', says: 'sites with very long names', manner: { language: 'en', theme: 'light' }, show: longNames },
]
