import type { Page } from 'playwright-core'

const NOTHING = { windows: [], alerts: [], counts: {}, patients: [], days: [], adverseEvents: [], rows: [], nextCursor: null, asOf: null, lag: null }
const LISTS = /\/api\/v1\/(alerts|patients|compliance|adverse-events|quarantine)\b/
const LISTS_AND_BOARD = /\/api\/v1\/(board|alerts|patients|compliance|adverse-events|quarantine)\b/

/** A study without patients: all lists are empty. */
export async function nothingThere(page: Page): Promise<void> {
  await page.route(LISTS_AND_BOARD, (route) => route.fulfill({ json: NOTHING }))
}

/** Lists are asked for, and no answer comes. */
export async function noAnswer(page: Page): Promise<void> {
  await page.route(LISTS_AND_BOARD, () => new Promise(() => undefined))
}

/** Lists cannot be read; the board can. */
export async function failingLists(page: Page): Promise<void> {
  const problem = { status: 500, contentType: 'application/problem+json', body: '{"title":"Internal error","id":"7f3c2a"}' }
  await page.route(LISTS, (route) => route.fulfill(problem))
}

/** Every alert is this far, whatever the server says. */
export async function alertsThatAre(page: Page, state: string): Promise<void> {
  const changes = { state, assessment: state === 'acknowledged' ? null : 'ae', outcome: state === 'closed' ? 'Resolved' : null }
  await page.route(/\/api\/v1\/alerts\/[^/]+$/, async (route) => {
    const alert = (await (await route.fetch()).json()) as object
    await route.fulfill({ json: { ...alert, ...changes } })
  })
}
