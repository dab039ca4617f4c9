// The JavaScript a browser loads before the first page is there (entry, Now page, and what both import
// statically), gzipped, must stay within the budget.
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const BUDGET_KIB = 200
const FIRST_PAGE = ['index.html', 'src/shell/AppShell.vue', 'src/pages/NowPage.vue']

const dist = resolve(dirname(fileURLToPath(import.meta.url)), '../dist')
const manifest = JSON.parse(readFileSync(resolve(dist, '.vite/manifest.json'), 'utf8'))
const files = new Set()
const walk = (name) => {
  const chunk = manifest[name]
  if (!chunk) throw new Error(`${name} is not in the build`)
  if (files.has(chunk.file)) return
  files.add(chunk.file)
  for (const next of chunk.imports ?? []) walk(next)
}
FIRST_PAGE.forEach(walk)

let total = 0
for (const file of [...files].sort()) {
  const size = gzipSync(readFileSync(resolve(dist, file)), { level: 9 }).length
  total += size
  console.log(`${(size / 1024).toFixed(1).padStart(8)} KiB  ${file}`)
}
const kib = total / 1024
console.log(`${kib.toFixed(1).padStart(8)} KiB  first page, gzipped (budget ${BUDGET_KIB} KiB)`)
if (kib > BUDGET_KIB) process.exit(1)
