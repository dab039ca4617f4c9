import { mkdirSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { beforeAll, test } from 'vitest'
import { logIn, type Manner, visitor } from './browser'
import { CONDITIONS } from './conditions'
import { sights } from './pages'

const out = resolve(import.meta.dirname, 'out')
const SIZES = { desktop: { width: 1440, height: 900 }, phone: { width: 360, height: 780 } } as const
const WIDE = { width: 1920, height: 1080 }
const only = process.env.ONLY?.split(',')
const wanted = (name: string) => !only || only.some((one) => name.startsWith(one))
const shotsOf = process.env.PAGES?.split(',')

beforeAll(() => {
  if (!only) rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
})

/** Every page as it is: `ONLY=desktop-zh` some of the variants, `PAGES=now,alert` some of the pages. */
async function shootPages(variant: string, manner: Manner, user: string): Promise<void> {
  const { page, complaints, close } = await visitor(manner)
  const shoot = (name: string) => page.screenshot({ path: resolve(out, `${name}-${variant}.png`) })
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
        const shoot = (of: string) => page.screenshot({ path: resolve(out, `${name}-${of}.png`) })
        await condition.show({ page, context, shoot })
      } finally {
        await close()
      }
    })
  }
