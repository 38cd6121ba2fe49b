// The lock of an article over HTTP. Its token is known to this window alone, and goes with every save.

import { myName } from './name.mjs'

/** `token` is undefined while this window holds no lock. */
export const held = { token: undefined }

/** Who asks, and by which lock. In a real newsroom the session says who asks. */
export const lockHeaders = () => ({ ...who(), ...(held.token && { If: `(${held.token})` }) })

export const look = (id) => ask(id, 'GET')

/** Takes the lock, or renews it. `etag` is of the article as it is now that nobody else can change it. */
export async function take(id) {
  const answer = await ask(id, 'PUT', held.token && { 'Lock-Token': held.token })
  held.token = answer.token
  return answer
}

/** `keepalive`: it is sent although the page is being left. */
export async function release(id) {
  const token = held.token
  held.token = undefined
  if (token) await ask(id, 'DELETE', { 'Lock-Token': token })
}

/** Ends the lock of somebody else. */
export const breakLock = (id) => ask(id, 'DELETE')

async function ask(id, method, headers = {}) {
  try {
    const at = `articles/${encodeURIComponent(id)}/lock`
    const response = await fetch(at, { method, headers: { ...who(), ...headers }, keepalive: true, cache: 'no-store' })
    const text = await response.text()
    const value = text === '' ? undefined : JSON.parse(text)
    if (!response.ok) return { problem: value }
    return { value, token: response.headers.get('Lock-Token') ?? undefined, etag: response.headers.get('ETag') }
  } catch {
    return { problem: { code: 'unreachable' } }
  }
}

/** A header holds no letters beyond Latin. */
const who = () => ({ 'X-Editor': encodeURIComponent(myName()) })
