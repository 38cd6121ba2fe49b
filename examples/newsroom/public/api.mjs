// The newsroom over HTTP, as any client would use it. Every answer is either { value, etag } or { problem }.

import { lockHeaders } from './lock-api.mjs'

const ARTICLES = 'articles'
const at = (id) => `${ARTICLES}/${encodeURIComponent(id)}`

export const list = () => ask(ARTICLES)

/** `no-cache`: the browser may use its own copy, after asking whether that is still the current one. */
export const read = (id) => ask(at(id), { cache: 'no-cache' })

export const create = (value) => ask(ARTICLES, { method: 'POST', ...json(value) })

/** `etag` names the state that the change was made from. Without it, the change could undo somebody else's. */
export async function save(value, etag) {
  const answer = await ask(at(value.id), { method: 'PUT', ...json(value, { 'If-Match': etag, ...lockHeaders() }) })
  // RFC 9110 §9.3.4: no ETag comes when something else was stored than what was sent. Then only reading tells.
  return answer.problem || answer.etag ? answer : read(value.id)
}

export const remove = (id, etag) => ask(at(id), { method: 'DELETE', headers: { 'If-Match': etag, ...lockHeaders() } })

function json(value, headers = {}) {
  return { headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(value) }
}

async function ask(url, options) {
  try {
    const response = await fetch(url, options)
    const text = await response.text()
    const value = text === '' ? undefined : JSON.parse(text)
    if (response.ok) return { value, etag: response.headers.get('ETag') }
    return { problem: value ?? { status: response.status, title: response.statusText } }
  } catch {
    return { problem: UNREACHABLE }
  }
}

/** No answer, or one that is not the newsroom's. `wait` is what a problem says when the same request may succeed later. */
const UNREACHABLE = { code: 'unreachable', resolution: 'wait', title: 'The newsroom does not answer' }
