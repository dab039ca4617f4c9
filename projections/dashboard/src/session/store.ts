import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { logIn, logOut, readProfile, renewTokens } from '@/api/identity'
import { ApiError } from '@/api/problems'
import type { Profile, Tokens } from '@/api/types'
import { readTokens, renewalDelay, type TokenPair, writeTokens } from './tokens'

export type Ending = 'expired' | 'loggedOut' | null
const CHANNEL = 'eightbells.session'
const AGAIN_MS = 10_000
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** The login of this tab: its tokens, whom they belong to, and how it ended. */
export const useSession = defineStore('session', () => {
  const pair = shallowRef<TokenPair | null>(readTokens())
  const profile = shallowRef<Profile | null>(null)
  const ending = ref<Ending>(null)
  const token = computed(() => pair.value?.token ?? null)
  const loggedIn = computed(() => pair.value !== null)
  const channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel(CHANNEL)
  let renewal: Promise<boolean> | null = null
  let timer: ReturnType<typeof setTimeout> | undefined

  // A duplicated tab starts with a copy of the pair. When one of the two refreshes, the other takes the new
  // pair too: using the old one later would revoke both.
  channel?.addEventListener('message', (event: MessageEvent<{ old: string; pair: TokenPair }>) => {
    if (pair.value && event.data?.old === pair.value.refreshToken) keep(event.data.pair)
  })

  function can(permission: string): boolean {
    return profile.value?.permissions.includes(permission) ?? false
  }

  async function start(username: string, password: string): Promise<void> {
    accept(await logIn(username, password))
    profile.value = null
    ending.value = null
  }

  async function loadProfile(): Promise<Profile> {
    profile.value = await readProfile()
    return profile.value
  }

  /** A new pair, fetched once however many ask; false when the login has ended. */
  function renew(): Promise<boolean> {
    renewal ??= renewOnce().finally(() => (renewal = null))
    return renewal
  }

  async function renewOnce(): Promise<boolean> {
    const old = pair.value
    if (!old) return false
    try {
      accept(await renewTokens(old.refreshToken))
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error
      end('expired')
      return false
    }
    channel?.postMessage({ old: old.refreshToken, pair: { ...pair.value } })
    return true
  }

  async function logOutHere(): Promise<void> {
    await logOut().catch(() => undefined) // the tokens are forgotten here in any case
    end('loggedOut')
  }

  function end(why: Ending): void {
    clearTimeout(timer)
    pair.value = null
    profile.value = null
    ending.value = why
    writeTokens(null)
  }

  function accept(tokens: Tokens): void {
    const now = Date.now()
    const { token: access, refreshToken, expiresIn } = tokens
    keep({ token: access, refreshToken, issuedAt: now, expiresAt: now + expiresIn * 1000 })
  }

  function keep(next: TokenPair): void {
    pair.value = next
    writeTokens(next)
    schedule()
  }

  function schedule(): void {
    if (pair.value) renewIn(Math.min(renewalDelay(pair.value, Date.now(), Math.random()), LONGEST_TIMER_MS))
  }

  /** Asks again soon where no answer came: a pair that was lost on its way is given once more for a minute only. */
  function renewIn(delay: number): void {
    clearTimeout(timer)
    timer = setTimeout(() => void renew().catch(() => renewIn(AGAIN_MS)), delay)
  }

  schedule()
  return { token, loggedIn, profile, ending, can, start, loadProfile, renew, logOut: logOutHere, end }
})
