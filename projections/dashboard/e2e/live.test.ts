import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { differences, shownBoard } from './board'
import { logIn, visitor } from './browser'
import { assignNew, FEVER, post, SELF_HARM } from './reports'
import { allSites, apiAs, fromDatabase, prepareBurst } from './stack'

const SETTLED = { timeout: 40_000, interval: 500 }

/** The alerts that these reports have raised, once the database has one for each. */
async function alertsOf(reportIds: readonly string[]): Promise<string[]> {
  const sql = `select alert_id from alerts where report_id in (${reportIds.map((id) => `'${id}'`).join()}) order by 1`
  const read = () => (JSON.parse(fromDatabase(sql)) as { alert_id: string }[]).map((row) => row.alert_id)
  await expect.poll(read, SETTLED).toHaveLength(reportIds.length)
  return read()
}

async function listed(page: Page, among: readonly string[]): Promise<string[]> {
  const shown = await page.$$eval('[data-alert]', (items) => items.map((item) => item.getAttribute('data-alert') ?? ''))
  return shown.filter((id) => among.includes(id)).sort()
}

async function badge(page: Page): Promise<number> {
  return Number((await page.textContent('nav .badge [aria-hidden]'))?.replace('+', ''))
}

function openAlerts(): number {
  return (JSON.parse(fromDatabase("select count(*)::int as n from alerts where state = 'open'")) as { n: number }[])[0]!.n
}

/** The live connection through our hands: it can be cut for good, and what is said on it is heard. */
async function liveLine(page: Page) {
  const line = { cut: false, cursors: [] as (string | null)[], raised: [] as string[], drop: () => Promise.resolve() }
  await page.routeWebSocket('**/api/v1/live', (socket) => {
    if (line.cut) return void socket.close({ code: 1006 })
    const server = socket.connectToServer()
    socket.onMessage((message) => {
      line.cursors.push((JSON.parse(String(message)) as { cursor: string | null }).cursor)
      server.send(message)
    })
    server.onMessage((message) => {
      for (const [, id] of String(message).matchAll(/"([0-9a-f-]{36})-alert\.raised"/g)) line.raised.push(id!)
      socket.send(message)
    })
    line.drop = async () => {
      line.cut = true
      await Promise.all([socket.close({ code: 1006 }), server.close()])
    }
  })
  return line
}

test('a burst is seen arriving without a reload', async () => {
  const burst = prepareBurst(1000)
  const { page, complaints, close } = await visitor()
  try {
    await logIn(page, 'coord.all')
    await page.waitForSelector('.pill.live')
    await page.evaluate(() => Object.assign(window, { unloaded: false }))
    await expect.poll(() => differences(page), SETTLED).toEqual([])
    const before = (await shownBoard(page)).totals.completed
    const seen = new Set([before])
    let sending = true
    const sent = burst(5).finally(() => (sending = false))
    while (sending) {
      seen.add((await shownBoard(page)).totals.completed)
      await page.waitForTimeout(200)
    }
    await sent
    await expect.poll(() => differences(page), SETTLED).toEqual([])
    expect((await shownBoard(page)).totals.completed).toBe(before + 1000)
    expect(seen.size).toBeGreaterThan(3) // it moved on the way, not only at the end
    expect(await page.evaluate(() => 'unloaded' in window)).toBe(true)
    expect(complaints).toEqual([])
  } finally {
    await close()
  }
})

test('after a lost connection it resumes at its cursor and has missed nothing: each alert once, every number', async () => {
  const marked = assignNew(30, allSites())
  const { page, context, close } = await visitor()
  try {
    const line = await liveLine(page)
    await logIn(page, 'coord.all')
    await page.goto('/alerts')
    await page.waitForSelector('.pill.live')
    const before = await Promise.all(marked.slice(0, 10).map((one) => post(one, FEVER)))
    const known = await alertsOf(before.map((one) => one.reportId))
    await expect.poll(() => listed(page, known), SETTLED).toEqual(known)
    const since = line.raised.length
    await Promise.all([line.drop(), context.setOffline(true)])
    await page.waitForSelector('.pill.offline')
    const meanwhile = await Promise.all(marked.slice(10).map((one) => post(one, FEVER)))
    const missed = await alertsOf(meanwhile.map((one) => one.reportId))
    expect(await listed(page, missed)).toEqual([])
    line.cut = false
    await context.setOffline(false)
    await page.waitForSelector('.pill.live', { timeout: 40_000 })
    await expect.poll(() => listed(page, missed), SETTLED).toEqual(missed)
    expect(line.cursors).toEqual([null, expect.stringMatching(/\.\d+$/)])
    expect(line.raised.slice(since).sort()).toEqual(missed)
    await expect.poll(async () => (await badge(page)) - Math.min(openAlerts(), 999), SETTLED).toBe(0)
    await page.goto('/')
    await expect.poll(() => differences(page), SETTLED).toEqual([])
  } finally {
    await close()
  }
})

test('where WebSockets are blocked the page polls, says so, and still shows a new alert and the numbers', async () => {
  const [patient] = assignNew(1, ['S-01'], 'baseline')
  const { page, close } = await visitor()
  try {
    await page.routeWebSocket('**/api/v1/live', (socket) => socket.close({ code: 1006 }))
    await logIn(page, 'dr.chen')
    await page.goto('/alerts')
    await page.waitForSelector('.pill.polling', { timeout: 30_000 })
    expect(await page.textContent('.pill.polling')).toContain('every')
    const report = await post(patient!, SELF_HARM)
    const raised = await alertsOf([report.reportId])
    await expect.poll(() => listed(page, raised), SETTLED).toEqual(raised)
    expect(await page.textContent(`[data-alert="${raised[0]}"]`)).toContain('Critical')
  } finally {
    await close()
  }
})

test('a doctor of one site sees nothing of another: pages, CSV and frames', async () => {
  const foreign = assignNew(2, ['S-02', 'S-21'])
  const [own] = assignNew(1, ['S-01'])
  const { page, close } = await visitor()
  const frames: string[] = []
  const answers: Promise<string>[] = []
  try {
    page.on('websocket', (socket) => socket.on('framereceived', (frame) => frames.push(String(frame.payload))))
    page.on('response', (answer) => answer.url().includes('/api/v1/') && answers.push(answer.text().catch(() => '')))
    await logIn(page, 'dr.chen')
    await page.waitForSelector('[data-window]')
    await page.waitForSelector('.pill.live')
    const posted = await Promise.all([...foreign, own!].map((one) => post(one, FEVER)))
    const all = await alertsOf(posted.map((one) => one.reportId))
    await expect.poll(() => frames.join(), SETTLED).toContain(own!.patientId) // a frame after all three were raised
    expect(Object.keys((await shownBoard(page)).windows).every((key) => key.startsWith('S-01/'))).toBe(true)
    await page.goto('/alerts')
    await page.waitForSelector('[data-alert]')
    expect(await listed(page, all)).toHaveLength(1)
    const { patients } = await (await apiAs('dr.mueller'))<{ patients: { patientId: string }[] }>('/api/v1/patients?limit=1')
    for (const path of [`/patients/${patients[0]!.patientId}`, `/patients/${foreign[0]!.patientId}`]) {
      await page.goto(path)
      await page.waitForSelector('main .message')
      expect(await page.textContent('main')).toContain('nothing here, or not for you')
    }
    for (const path of ['/patients', '/adverse-events', '/quarantine', '/compliance']) {
      await page.goto(path)
      await page.waitForSelector('main table, main [role=table], main .message')
      expect(await page.textContent('main')).not.toMatch(/S-(0[2-9]|[1-4]\d)/)
    }
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('.head .el-button')])
    const chunks: Buffer[] = []
    for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer)
    const csv = Buffer.concat(chunks).toString('utf8')
    expect(csv).toContain('S-01')
    for (const text of [csv, frames.join('\n'), (await Promise.all(answers)).join('\n')]) {
      expect(text).not.toMatch(/S-(0[2-9]|[1-4]\d)/)
      for (const { patientId } of foreign) expect(text).not.toContain(`"${patientId}"`)
    }
  } finally {
    await close()
  }
})
