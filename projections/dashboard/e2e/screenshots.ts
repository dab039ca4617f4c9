import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'vitest'
import { logIn, type Manner, visitor } from './browser'
import { sights } from './pages'

const out = resolve(import.meta.dirname, 'out')
const SIZES = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } } as const
const only = process.env.ONLY?.split(',')

for (const [size, viewport] of Object.entries(SIZES))
  for (const language of ['zh', 'en'] as const)
    for (const theme of ['light', 'dark'] as const) {
      const variant = `${size}-${language}-${theme}`
      if (only && !only.includes(variant)) continue
      test(variant, async () => {
        const manner: Manner = { ...viewport, language, theme }
        const { page, complaints, close } = await visitor(manner)
        const shoot = (name: string) => page.screenshot({ path: resolve(out, `${name}-${variant}.png`) })
        try {
          mkdirSync(out, { recursive: true })
          await page.goto('/login')
          await page.waitForSelector('#username')
          await shoot('login')
          await logIn(page, process.env.AS ?? 'coord.all')
          for (const sight of await sights(page)) {
            await page.goto(sight.path)
            await page.waitForSelector(sight.ready, { timeout: 20_000 })
            await page.waitForTimeout(700)
            await shoot(sight.name)
          }
          if (complaints.length) console.warn(variant, complaints)
        } finally {
          await close()
        }
      })
    }
