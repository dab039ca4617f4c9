import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

/** The running stack that is tested: `EIGHTBELLS_DATA` names its directory, as for the command line. */
const root = resolve(import.meta.dirname, '../../..')
const data = resolve(process.env.EIGHTBELLS_DATA ?? resolve(root, '.eightbells'))
const command = process.env.EIGHTBELLS_COMMAND ?? resolve(root, '.venv/bin/eightbells')

interface Status {
  api: string
  gateway: string
  database: string
}

export function eightbells(...args: string[]): string {
  return execFileSync(command, [...args, '--data', data], { encoding: 'utf8', cwd: root, maxBuffer: 64 << 20 })
}

export const status = JSON.parse(eightbells('status', '--json')) as Status

export interface Login {
  username: string
  password: string
}

export function loginOf(username: string): Login {
  const file = resolve(data, 'secrets/demo-logins.txt')
  if (!existsSync(file)) throw new Error(`No demo logins at ${file}: start a stack with \`eightbells demo\`.`)
  const line = readFileSync(file, 'utf8').split('\n').find((one) => one.startsWith(`${username}\t`))
  const password = line?.split('\t')[1]
  if (!password) throw new Error(`No login of ${username} in ${file}`)
  return { username, password }
}

/** What a call of the API answers, as this user sees it. */
export async function apiAs(username: string) {
  const answer = await fetch(`${status.api}/login`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(loginOf(username)) })
  const { token } = (await answer.json()) as { token: string }
  return async <Answer>(path: string): Promise<Answer> => {
    const found = await fetch(status.api + path, { headers: { Authorization: `Bearer ${token}` } })
    if (!found.ok) throw new Error(`${path}: ${found.status}`)
    return (await found.json()) as Answer
  }
}

/** Rows from the stack's own database, by its read-only role. Its address holds a password: it goes by the environment. */
export function fromDatabase(sql: string): string {
  const script = 'import asyncio, asyncpg, json, os, sys\nasync def go():\n c = await asyncpg.connect(os.environ["DATABASE"])\n print(json.dumps([dict(r) for r in await c.fetch(sys.argv[1])], default=str))\nasyncio.run(go())'
  return execFileSync(resolve(root, '.venv/bin/python'), ['-c', script, sql], { encoding: 'utf8', cwd: root, env: { ...process.env, DATABASE: status.database } })
}

const run = promisify(execFile)
const LAST_ID = 9_999_999_999

/** The study's sites, by id. */
export function allSites(): string[] {
  return (JSON.parse(fromDatabase('select site_id from sites order by 1')) as { site_id: string }[]).map((row) => row.site_id)
}

/**
 * Enrol patients who are new, in turn at these sites, and mint their tokens; the folder holds the file `tokens`.
 * Their ids sort before all others, because tokens are minted from the lowest id on; so what they report moves
 * the counters.
 */
export function enrolNew(patients: number, sites: readonly string[], visitCode = 'diary-am'): string {
  const folder = mkdtempSync(join(tmpdir(), 'eightbells-burst-'))
  const prefix = `A-${LAST_ID - Math.floor(Date.now() / 1000)}`
  const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10)
  const lines = Array.from({ length: patients }, (_, index) => `${prefix}-${index},${sites[index % sites.length]},${yesterday}`)
  writeFileSync(join(folder, 'new.csv'), ['patientId,siteId,startDate', ...lines].join('\n'))
  eightbells('enrol', join(folder, 'new.csv'), '--no-codes')
  eightbells('tokens', 'mint', '--patients', String(patients), '--visit-code', visitCode, '--out', join(folder, 'tokens'))
  return folder
}

/** Patients who are new report their morning within some seconds; they are enrolled before. */
export function prepareBurst(patients: number, sites: readonly string[] = allSites()): (overSeconds: number) => Promise<void> {
  const folder = enrolNew(patients, sites)
  return async (overSeconds) => {
    const args = ['loadtest', 'burst', '--tokens', join(folder, 'tokens'), '--patients', String(patients), '--over', String(overSeconds), '--retry', '--data', data]
    await run(command, args, { cwd: root }).finally(() => rmSync(folder, { recursive: true }))
  }
}
