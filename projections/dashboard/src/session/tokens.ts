/** A pair of tokens as this tab holds it; `issuedAt` and `expiresAt` in ms by this browser's clock. */
export interface TokenPair {
  token: string
  refreshToken: string
  issuedAt: number
  expiresAt: number
}

const KEY = 'eightbells.session'

/**
 * Where the pair is kept: sessionStorage. It outlives a reload, ends with the tab, and is not shared with the
 * next person at a ward's workstation, as localStorage would be. Memory alone would log people out on each
 * reload; a cookie would be sent by itself, and the API reads nothing but the Authorization header.
 */
export function readTokens(storage: Storage = sessionStorage): TokenPair | null {
  try {
    const found: unknown = JSON.parse(storage.getItem(KEY) ?? 'null')
    return isPair(found) ? found : null
  } catch {
    return null
  }
}

export function writeTokens(pair: TokenPair | null, storage: Storage = sessionStorage): void {
  if (pair) storage.setItem(KEY, JSON.stringify(pair))
  else storage.removeItem(KEY)
}

function isPair(value: unknown): value is TokenPair {
  if (typeof value !== 'object' || value === null) return false
  const pair = value as Record<string, unknown>
  return typeof pair.token === 'string' && typeof pair.refreshToken === 'string' && typeof pair.expiresAt === 'number'
}

/** When to refresh: somewhere in 50-80 % of the lifetime, so that browsers do not all come at once. */
export function renewalDelay(pair: TokenPair, now: number, random: number): number {
  const lifetime = pair.expiresAt - pair.issuedAt
  return Math.max(0, pair.issuedAt + lifetime * (0.5 + 0.3 * random) - now)
}
