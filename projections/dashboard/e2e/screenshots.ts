import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Page } from 'playwright-core'
import { beforeAll, test } from 'vitest'
import { logIn, type Manner, visitor } from './browser'
import { CONDITIONS } from './conditions'
import { sights } from './pages'

const out = resolve(import.meta.dirname, 'out')
const SIZES = { desktop: { width: 1440, height: 900 }, phone: { width: 360, height: 780 } } as const
const WIDE = { width: 1920, height: 1080 }
const only = process.env.ONLY?.split(',')
const wanted = (name: string) => !only || only.some((one) => name.startsWith(one))
/** The pictures that the README shows, by the name of the screenshot. */
const PICTURES: Record<string, string> = { 'burst-desktop-now': 'now', 'alert-doctor-en-light': 'alert', 'patient-desktop-zh-dark': 'patient', 'now-phone-en-light': 'phone' }
const pictures = resolve(import.meta.dirname, '../pictures')
const shotsOf = process.env.PAGES?.split(',')

beforeAll(() => {
  if (!only) rmSync(out, { recursive: true, force: true })
  for (const folder of [out, pictures]) mkdirSync(folder, { recursive: true })
})

async function save(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: resolve(out, `${name}.png`) })
  const picture = PICTURES[name]
  if (!picture) return
  const session = await page.context().newCDPSession(page)
  const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: 80 })
  writeFileSync(resolve(pictures, `${picture}.webp`), Buffer.from(data, 'base64'))
}

/** Every page as it is: `ONLY=desktop-zh` some of the variants, `PAGES=now,alert` some of the pages. */
async function shootPages(variant: string, manner: Manner, user: string): Promise<void> {
  const { page, complaints, close } = await visitor(manner)
  const shoot = (name: string) => save(page, `${name}-${variant}`)
  try {
    await page.goto('/login')
    await page.waitForSelector('#username')
    await shoot('login')
    await logIn(page, user)
    for (const sight of (await sights(page)).filter(({ name }) => !shotsOf || shotsOf.includes(name))) {
      await page.goto(sight.path)
      await page.waitForSelector(sight.ready, { timeout: 20_000 })
      await page.waitForTimeout(700)
      await shoot(sight.name)
    }
    if (complaints.length) console.warn(variant, complaints)
  } finally {
    await close()
  }
}

for (const [size, viewport] of Object.entries(SIZES))
  for (const language of ['zh', 'en'] as const)
    for (const theme of ['light', 'dark'] as const) {
      const variant = `${size}-${language}-${theme}`
      test.runIf(wanted(variant))(variant, () => shootPages(variant, { ...viewport, language, theme }, process.env.AS ?? 'coord.all'))
    }

test.runIf(wanted('wide-en-light'))('wide-en-light', () => shootPages('wide-en-light', { ...WIDE, language: 'en', theme: 'light' }, 'coord.all'))
test.runIf(wanted('doctor-en-light'))('doctor-en-light', () => shootPages('doctor-en-light', { ...SIZES.desktop, language: 'en', theme: 'light' }, 'dr.chen'))

for (const condition of CONDITIONS)
  for (const [size, viewport] of Object.entries(SIZES)) {
    const name = `${condition.name}-${size}`
    test.runIf(wanted(name))(`${name}: ${condition.says}`, async () => {
      const { page, context, close } = await visitor({ ...viewport, ...condition.manner })
      try {
        await condition.show({ page, context, shoot: (of) => save(page, `${name}-${of}`) })
      } finally {
        await close()
      }
    })
  }
