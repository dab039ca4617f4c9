// The browser of the browser tests: CHROMIUM, else one of the usual names on PATH or in the usual places.
// `node scripts/chromium.mjs` makes sure that there is one: root on a Debian has it installed, others are told what to.
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const PLACES = ['/usr/bin', '/usr/local/bin', '/opt/google/chrome', '/snap/bin']
const SYSTEM = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']
const PACKAGES = ['chromium', 'fonts-noto-cjk']
const ADVICE = `The browser tests need Chromium. Install it (Debian: apt-get install ${PACKAGES.join(' ')}; else Chromium or Google Chrome), or set CHROMIUM to its path.`

function executable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function onPath(names) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...PLACES]
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find(executable)
}

/** Where Chromium is; throws what to install where it is not. */
export function chromiumPath() {
  const named = process.env.CHROMIUM
  if (named && !executable(named)) throw new Error(`CHROMIUM names ${named}, which is no program.`)
  const found = named || onPath(NAMES)
  if (!found) throw new Error(ADVICE)
  return found
}

function install() {
  console.log(`Installing ${PACKAGES.join(' and ')} for the browser tests.`)
  const env = { ...process.env, PATH: [process.env.PATH, ...SYSTEM].join(delimiter), DEBIAN_FRONTEND: 'noninteractive' }
  const apt = (...args) => spawnSync('apt-get', ['-q', ...args], { env, encoding: 'utf8' })
  apt('update')
  const { status, stderr } = apt('install', '--yes', '--no-install-recommends', ...PACKAGES)
  if (status !== 0) console.error(stderr)
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const missing = !process.env.CHROMIUM && !onPath(NAMES)
  if (missing && process.getuid?.() === 0 && onPath(['apt-get'])) install()
  try {
    chromiumPath()
  } catch (error) {
    console.error(error.message)
    process.exit(2)
  }
}
