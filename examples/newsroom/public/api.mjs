// The newsroom over HTTP, as any client would use it. Every answer is either { value, etag } or { problem }.

import { createClient, isProblemError } from './client.mjs'
import { lockHeaders } from './lock-api.mjs'

const ARTICLES = 'articles'
const at = (id) => `${ARTICLES}/${encodeURIComponent(id)}`

/** Somebody sits in front of it: better to ask soon than to wait for long. */
const client = createClient({ tries: 3, deadlineMs: 5000 })

export const list = () => ask(client.get(ARTICLES))

export const read = (id) => ask(client.get(at(id)))

/** `key` is the same each time one article is sent, so that there is one of it, however often that is. */
export async function create(value, key) {
  const answer = await ask(client.post(ARTICLES, value, { idempotencyKey: key, headers: lockHeaders() }))
  // It was stored, and the newsroom went down before it could say more than where.
  return answer.problem || answer.value ? answer : ask(client.get(answer.location))
}

/** 128 random bits. `crypto.randomUUID` is there only in pages from this machine, or over TLS. */
export const newKey = () => btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16))))

/** `etag` names the state that is on the desk, which need not be the one that was read last. */
export async function save(value, etag) {
  const answer = await ask(client.put(at(value.id), value, { condition: etag, headers: lockHeaders() }))
  // RFC 9110 §9.3.4: no ETag comes when something else was stored than what was sent. Then only reading tells.
  return answer.problem || answer.etag ? answer : read(value.id)
}

export const remove = (id, etag) => ask(client.delete(at(id), { condition: etag, headers: lockHeaders() }))

/** Tells of changes by others than this window, from the state with that tag on. Gives what ends it. */
export function watch(id, listener, etag) {
  const from = { headers: new Headers({ ETag: etag }) }
  return client.watch(at(id), listener, { from, headers: lockHeaders() })
}

async function ask(answer) {
  try {
    const { value, etag, location } = await answer
    return { value, etag, location }
  } catch (error) {
    return { problem: isProblemError(error) ? error.problem : UNREACHABLE }
  }
}

/** No answer, or one that is not the newsroom's. `wait` is what a problem says when the same request may succeed later. */
const UNREACHABLE = { code: 'unreachable', resolution: 'wait', title: 'The newsroom does not answer' }
