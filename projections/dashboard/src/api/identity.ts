import { http, open } from './client'
import type { Profile, Tokens } from './types'

export async function logIn(username: string, password: string): Promise<Tokens> {
  return (await open.post<Tokens>('/login', { username, password })).data
}

export async function renewTokens(refreshToken: string): Promise<Tokens> {
  return (await open.post<Tokens>('/api/v1/token/refresh', { refreshToken })).data
}

export async function logOut(): Promise<void> {
  await http.post('/logout')
}

export async function readProfile(): Promise<Profile> {
  return (await http.get<Profile>('/api/v1/profile')).data
}
