import { parseEntityTag } from '../http/entity-tag'
import type { Exchange, Exchanger } from './exchange'
import { type Finding, finding, type Rule } from './report'

const RULES = {
  validators: {
    id: 'validators',
    title: 'A read has a validator',
    clause: 'RFC 9110 §8.8',
    cure: 'Send an ETag that changes with every write of the resource.',
    topic: 'validated',
  },
  strong: {
    id: 'strong-tag',
    title: 'The entity tag is strong',
    clause: 'RFC 9110 §8.8.1, §13.1.1',
    cure: 'Make the tag from the version of the resource. A weak one, such as Express makes from the body, never matches If-Match.',
    topic: 'validated',
  },
  steady: {
    id: 'steady-tag',
    title: 'The tag stays while nothing changes',
    clause: 'RFC 9110 §8.8.3',
    cure: 'Make the tag from the version, not from the moment of the answer.',
    topic: 'validated',
  },
  head: {
    id: 'head',
    title: 'HEAD has the validators of GET',
    clause: 'RFC 9110 §9.3.2',
    cure: 'Answer HEAD with the header fields of GET.',
    topic: 'validated',
  },
  notModified: {
    id: 'not-modified',
    title: 'An unchanged resource is 304',
    clause: 'RFC 9110 §13.1.2',
    cure: 'Compare If-None-Match with the current tag, weakly, for GET and HEAD.',
    topic: 'latest',
  },
  fields304: {
    id: 'fields-of-304',
    title: 'A 304 has the fields that caches need',
    clause: 'RFC 9110 §15.4.5',
    cure: 'Send Cache-Control, Content-Location, ETag, Expires and Vary on a 304 as on the 200.',
    topic: 'latest',
  },
  list: {
    id: 'tag-list',
    title: 'A list of tags is read, with a comma inside a tag',
    clause: 'RFC 9110 §13.1.2, §8.8.3',
    cure: 'Scan the list of tags; never split it at commas.',
    topic: 'latest',
  },
  fresh: {
    id: 'revalidated',
    title: 'Reads are revalidated',
    clause: 'RFC 9111 §4.2.2, §5.2.2.4',
    cure: 'Send Cache-Control: no-cache (or private, no-cache), so that a refetch after a conflict gives the new state.',
    topic: 'latest',
  },
  coded: {
    id: 'tag-of-coding',
    title: 'A compressed answer does not share a strong tag',
    clause: 'RFC 9110 §8.8.3.3',
    cure: 'Let the layer that compresses weaken or mark the tag.',
    topic: 'validated',
  },
} as const satisfies Record<string, Rule>

/** Checks reads of the resource. Nothing is changed. */
export async function auditReads(exchanger: Exchanger, url: string): Promise<Finding[]> {
  const read = await exchanger.send('GET', url)
  if (read.status < 200 || read.status > 299)
    return [finding(RULES.validators, 'unseen', `The URL answers ${read.status}; give one that answers 200.`, read)]
  const again = await exchanger.send('GET', url)
  return [
    ...validatorFindings(read, again),
    freshness(read),
    ...(await conditionalReads(exchanger, url, read)),
    ...(await otherForms(exchanger, url, read)),
  ]
}

function validatorFindings(read: Exchange, again: Exchange): Finding[] {
  const { etag, 'last-modified': modified } = read.headers
  if (etag === undefined) {
    const detail = modified ? 'There is only a Last-Modified, and that counts whole seconds.' : 'There is none.'
    return [
      finding(RULES.validators, modified ? 'warning' : 'failed', detail, read),
      finding(RULES.strong, 'failed', 'There is no entity tag.', read),
    ]
  }
  const tag = parseEntityTag(etag)
  const found = [finding(RULES.validators, 'passed', etag, read)]
  if (tag === undefined) found.push(finding(RULES.strong, 'failed', `${etag} is no entity tag; it needs quotes.`, read))
  else if (tag.weak) found.push(finding(RULES.strong, 'failed', `${etag} is weak.`, read))
  else found.push(finding(RULES.strong, 'passed', etag, read))
  const isSteady = again.headers.etag === etag || again.body !== read.body
  const detail = isSteady ? 'Two reads have the same tag.' : `First ${etag}, then ${again.headers.etag}.`
  return [...found, finding(RULES.steady, isSteady ? 'passed' : 'failed', detail, again)]
}

function freshness(read: Exchange): Finding {
  const field = read.headers['cache-control']
  if (field === undefined) {
    const isKept = read.headers['last-modified'] !== undefined
    const detail = 'There is no Cache-Control, so that caches choose for how long they keep it.'
    return finding(RULES.fresh, isKept ? 'failed' : 'warning', detail, read)
  }
  if (/\b(no-cache|no-store)\b/i.test(field)) return finding(RULES.fresh, 'passed', field, read)
  const [, seconds] = /\bmax-age\s*=\s*"?(\d+)/i.exec(field) ?? []
  if (seconds === '0') return finding(RULES.fresh, 'passed', field, read)
  const detail = seconds ? `A copy may be ${seconds} seconds old.` : `${field} sets no limit.`
  return finding(RULES.fresh, 'warning', detail, read)
}

const FIELDS_304 = ['cache-control', 'content-location', 'etag', 'expires', 'vary'] as const

async function conditionalReads(exchanger: Exchanger, url: string, read: Exchange): Promise<Finding[]> {
  const { etag } = read.headers
  if (etag === undefined) return [finding(RULES.notModified, 'unseen', 'There is no tag to ask with.')]
  const asked = await exchanger.send('GET', url, { headers: { 'if-none-match': etag } })
  if (asked.status !== 304) return [finding(RULES.notModified, 'failed', `It is ${asked.status}.`, asked)]
  const missing = FIELDS_304.filter((name) => read.headers[name] !== undefined && asked.headers[name] === undefined)
  const detail = missing.length > 0 ? `Missing: ${missing.join(', ')}.` : 'All are there.'
  const listed = await exchanger.send('GET', url, { headers: { 'if-none-match': `"a,b", ${etag}` } })
  return [
    finding(RULES.notModified, 'passed', 'If-None-Match with the current tag is 304.', asked),
    finding(RULES.fields304, missing.length > 0 ? 'failed' : 'passed', detail, asked),
    finding(RULES.list, listed.status === 304 ? 'passed' : 'warning', `It is ${listed.status}.`, listed),
  ]
}

async function otherForms(exchanger: Exchanger, url: string, read: Exchange): Promise<Finding[]> {
  const { etag } = read.headers
  const head = await exchanger.send('HEAD', url)
  const isSame = head.headers.etag === etag && head.status === read.status
  const found = [finding(RULES.head, isSame ? 'passed' : 'warning', `HEAD is ${head.status}.`, head)]
  const coded = await exchanger.send('GET', url, { headers: { 'accept-encoding': 'gzip' } })
  const coding = coded.headers['content-encoding']
  if (coding === undefined || etag === undefined) return found
  const shares = coded.headers.etag === etag && !etag.startsWith('W/')
  const detail = shares ? `The tag of the ${coding} form is the same.` : 'The tags differ, or are weak.'
  return [...found, finding(RULES.coded, shares ? 'warning' : 'passed', detail, coded)]
}
