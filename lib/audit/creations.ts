import { randomUUID } from 'node:crypto'
import { changedValue, type Exchange, type Exchanger, parsed, undo, type Value } from './exchange'
import { type Finding, finding, type Rule } from './report'

const RULES = {
  once: {
    id: 'repeated-post',
    title: 'A repeated POST has one effect',
    clause: 'draft-ietf-httpapi-idempotency-key-header §2.6; RFC 9110 §9.2.2',
    cure: 'Honour Idempotency-Key: give the first answer again instead of carrying the request out twice.',
    topic: 'retries',
  },
  together: {
    id: 'simultaneous-post',
    title: 'A POST that is sent twice at once has one effect',
    clause: 'draft-ietf-httpapi-idempotency-key-header §2.6',
    cure: 'Claim the key in one atomic step before the work begins.',
    topic: 'retries',
  },
  reused: {
    id: 'reused-key',
    title: 'A key that is used for another request is 422',
    clause: 'draft-ietf-httpapi-idempotency-key-header §2.7',
    cure: 'Keep a fingerprint of the request with the key, and refuse another one.',
    topic: 'retries',
  },
} as const satisfies Record<string, Rule>

/** Creates resources in the named collection, and removes those that it can find again. */
export async function auditCreations(exchanger: Exchanger, collection: string, value: Value): Promise<Finding[]> {
  const made = new Set<string>()
  let unknown = 0
  const post = async (body: Value, key: string): Promise<Exchange> => {
    const answer = await exchanger.send('POST', collection, {
      headers: { 'content-type': 'application/json', 'idempotency-key': `"${key}"` },
      body: JSON.stringify(body),
    })
    const identity = identityOf(answer, collection)
    if (identity !== undefined) made.add(identity)
    else if (answer.status < 300) unknown += 1
    return answer
  }
  try {
    const [key, other] = [randomUUID(), randomUUID()]
    const first = await post(changedValue(value, 1), key)
    if (first.status >= 300) return [finding(RULES.once, 'unseen', `A POST is ${first.status}; see --body.`, first)]
    const second = await post(changedValue(value, 1), key)
    const reused = await post(changedValue(value, 2), key)
    const both = await Promise.all([post(changedValue(value, 3), other), post(changedValue(value, 3), other)])
    return [
      effects(RULES.once, [first, second], collection),
      effects(RULES.together, both, collection),
      finding(RULES.reused, reused.status === 422 ? 'passed' : 'failed', `It is ${reused.status}.`, reused),
    ]
  } finally {
    for (const url of made)
      await undo(exchanger, url, async () => {
        const { headers } = await exchanger.send('GET', url, { undoes: true })
        const fields = headers.etag ? { headers: { 'if-match': headers.etag } } : {}
        return exchanger.send('DELETE', url, { ...fields, undoes: true })
      })
    if (unknown > 0) exchanger.left.push(`${collection}: ${unknown} resources whose URL no answer told`)
  }
}

function effects(rule: Rule, answers: readonly Exchange[], collection: string): Finding {
  const made = answers.filter(({ status }) => status < 300).map((answer) => identityOf(answer, collection))
  const last = answers.at(-1)
  if (made.includes(undefined)) return finding(rule, 'unseen', 'The answers do not say what was created.', last)
  const different = new Set(made)
  const detail = different.size === 1 ? 'Both name the same resource.' : `Made: ${[...different].join(', ')}.`
  return finding(rule, different.size === 1 ? 'passed' : 'failed', detail, last)
}

/**
 * The URL of a new resource, from Location or from an id in the body. A Location on another server is ignored, because
 * that server must get no requests and no credentials.
 */
function identityOf({ status, headers, body }: Exchange, collection: string): string | undefined {
  if (status >= 300) return undefined
  const { location } = headers
  if (location !== undefined && URL.canParse(location, collection)) {
    const { href, origin } = new URL(location, collection)
    if (origin === new URL(collection).origin) return href
  }
  const { id, _id = id } = parsed(body) ?? {}
  return typeof _id === 'string' || typeof _id === 'number'
    ? `${collection.replace(/\/$/, '')}/${encodeURIComponent(_id)}`
    : undefined
}
