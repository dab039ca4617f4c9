import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { chromiumPath } from '../scripts/chromium.mjs'
import { loginOf, status } from './stack'

const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--lang=zh-CN',
]

export interface Visitor {
  context: BrowserContext
  page: Page
  /** What the browser complained of: refusals of the content policy, errors in the console. */
  complaints: string[]
  close(): Promise<void>
}

export interface Manner {
  width?: number
  height?: number
  language?: 'zh' | 'en'
  theme?: 'light' | 'dark'
}

/** A browser of its own, with a profile that is thrown away. */
export async function visitor(manner: Manner = {}): Promise<Visitor> {
  const profile = mkdtempSync(join(tmpdir(), 'eightbells-browser-'))
  const { width = 1440, height = 900, language = 'en', theme = 'light' } = manner
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: chromiumPath(),
    headless: true,
    args: FLAGS,
    viewport: { width, height },
    baseURL: status.api,
    acceptDownloads: true,
    timezoneId: 'Asia/Shanghai',
  })
  context.setDefaultTimeout(60_000)
  await context.addInitScript(
    ([chosen, look]) => {
      localStorage.setItem('eightbells.language', localStorage.getItem('eightbells.language') ?? chosen!)
      localStorage.setItem('eightbells.theme', localStorage.getItem('eightbells.theme') ?? look!)
    },
    [language, theme],
  )
  const page = context.pages()[0] ?? (await context.newPage())
  const complaints: string[] = []
  page.on('console', (message) => {
    const text = message.text()
    const expected = /the server responded with a status of|WebSocket connection to|net::ERR_/.test(text)
    if (message.type() === 'error' && !expected) complaints.push(text)
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  const close = async () => {
    await context.close()
    rmSync(profile, { recursive: true, force: true, maxRetries: 3 })
  }
  return { context, page, complaints, close }
}

export async function logIn(page: Page, username: string): Promise<void> {
  const { password } = loginOf(username)
  await page.goto('/login')
  await page.fill('#username', username)
  await page.fill('#password', password)
  await page.click('button[type=submit]')
  await page.waitForURL((address) => !address.pathname.startsWith('/login'))
}
