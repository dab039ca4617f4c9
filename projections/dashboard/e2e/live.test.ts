import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { logIn, visitor } from './browser'
import { apiAs, fromDatabase, prepareBurst } from './stack'

const KEYS = ['expected', 'completed', 'late'] as const
type Row = Record<(typeof KEYS)[number], number>
const PATIENTS = Number(process.env.BURST ?? 1000)

/** What the page shows, by site and window. */
async function shown(page: Page): Promise<Record<string, Row>> {
  return await page.$$eval(
    '[data-window]',
    (rows, keys) => Object.fromEntries(rows.map((row) => [row.getAttribute('data-window'), Object.fromEntries(keys.map((key) => [key, Number(row.querySelector(`[data-cell=${key}]`)?.textContent?.replace(/\D/g, ''))]))])),
    [...KEYS],
  ) as Record<string, Row>
}

/** The same from the patients' visits themselves, not from the counters that the board reads. */
function counted(): Record<string, Row> {
  const rows = JSON.parse(fromDatabase(
    `select v.site_id || '/' || v.slot_id as key, count(*)::int as expected, count(v.completed_at)::int as completed,
       count(*) filter (where v.timeliness = 'late')::int as late
     from visits v join slots s using (slot_id)
     where v.cancelled_at is null and s.opens_at <= now() and s.late_until > now() - interval '24 hours' group by 1`,
  )) as (Row & { key: string })[]
  return Object.fromEntries(rows.map(({ key, expected, completed, late }) => [key, { expected, completed, late }]))
}

test('a burst is seen arriving without a reload, and afterwards the numbers are the database’s', async () => {
  const burst = prepareBurst(PATIENTS)
  const { page, complaints, close } = await visitor()
  try {
    await logIn(page, 'coord.all')
    await page.waitForSelector('.pill.live')
    await page.evaluate(() => Object.assign(window, { unloaded: false }))
    const total = () => page.getAttribute('[data-count=completed]', 'data-value').then(Number)
    const seen = new Set([await total()])
    const sending = burst(5)
    for (let look = 0; look < 28; look += 1) {
      seen.add(await total())
      await page.waitForTimeout(250)
    }
    await sending
    expect(seen.size).toBeGreaterThan(5)
    await expect.poll(async () => JSON.stringify(sorted(await shown(page))) === JSON.stringify(sorted(counted())), { timeout: 30_000, interval: 500 }).toBe(true)
    expect(await page.evaluate(() => 'unloaded' in window)).toBe(true)
    expect(complaints).toEqual([])
  } finally {
    await close()
  }
})

function sorted(rows: Record<string, Row>): [string, Row][] {
  return Object.entries(rows).sort(([a], [b]) => a.localeCompare(b))
}

test('after a lost connection the page says so, comes back, and has missed nothing', async () => {
  const { page, context, close } = await visitor()
  try {
    await logIn(page, 'coord.all')
    await page.waitForSelector('.pill.live')
    await context.setOffline(true)
    await page.waitForSelector('.pill.offline')
    await context.setOffline(false)
    await page.waitForSelector('.pill.live', { timeout: 20_000 })
    await expect.poll(async () => JSON.stringify(sorted(await shown(page))) === JSON.stringify(sorted(counted())), { timeout: 30_000, interval: 500 }).toBe(true)
  } finally {
    await close()
  }
})

test('where WebSockets are blocked the page polls, and says so', async () => {
  const { page, close } = await visitor()
  try {
    await page.addInitScript(() => {
      window.WebSocket = class extends EventTarget {
        onclose: ((event: CloseEvent) => void) | null = null
        constructor() {
          super()
          setTimeout(() => this.onclose?.(new CloseEvent('close', { code: 1006 })), 5)
        }
        close(): void {}
      } as unknown as typeof WebSocket
    })
    await logIn(page, 'dr.chen')
    await page.waitForSelector('.pill.polling', { timeout: 20_000 })
    await page.waitForRequest('**/api/v1/board')
  } finally {
    await close()
  }
})

test('a doctor of one site sees nothing of another: pages, CSV and frames', async () => {
  const { page, close } = await visitor()
  const frames: string[] = []
  try {
    page.on('websocket', (socket) => socket.on('framereceived', (frame) => frames.push(String(frame.payload))))
    await logIn(page, 'dr.chen')
    await page.waitForSelector('[data-window]')
    expect(Object.keys(await shown(page)).every((key) => key.startsWith('S-01/'))).toBe(true)
    const { patients } = await (await apiAs('dr.mueller'))<{ patients: { patientId: string }[] }>('/api/v1/patients?limit=1')
    await page.goto(`/patients/${patients[0]!.patientId}`)
    await page.waitForSelector('main .message')
    expect(await page.textContent('main')).toContain('nothing here, or not for you')
    await page.goto('/compliance')
    await page.waitForSelector('main table')
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('.head .el-button')])
    const chunks: Buffer[] = []
    for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer)
    const csv = Buffer.concat(chunks).toString('utf8')
    expect(csv).toContain('S-01')
    expect(csv).not.toMatch(/S-(0[2-9]|[1-4]\d)/)
    expect(frames.join('\n')).not.toMatch(/"siteId":"S-(?!01")/)
  } finally {
    await close()
  }
})
