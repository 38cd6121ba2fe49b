import type { Exchange } from './exchange'

/** `unseen`: it cannot be told from outside, or was not tried. */
export type Mark = 'passed' | 'failed' | 'warning' | 'unseen'

/** What a check asks of an API. The `id` is stable: a CI job may keep a list of those that it accepts. */
export interface Rule {
  readonly id: string
  readonly title: string
  /** Where it is written down. */
  readonly clause: string
  readonly cure: string
  readonly topic: Topic
}

/** The lines of the checklist. */
export const TOPICS = {
  latest: 'The latest version is used: reads are revalidated',
  validated: 'Entity tags and revisions are validated',
  concurrent: 'Concurrent writes are prevented: of two, one wins',
  isolated: 'Isolation holds: what was answered with success is what is stored',
  retries: 'Retries are safe',
  locks: 'Locks are applied where people edit for long',
  told: 'Refusals can be acted on by a program, and logged and counted',
  quiet: 'Refusals give nothing away',
} as const

export type Topic = keyof typeof TOPICS

/** What came of one check. */
export interface Finding {
  readonly rule: Rule
  readonly mark: Mark
  readonly detail: string
  /** The exchange that shows it, as a line. */
  readonly sent?: string
  readonly received?: string
}

export function finding(rule: Rule, mark: Mark, detail: string, exchange?: Exchange): Finding {
  if (exchange === undefined) return { rule, mark, detail }
  return { rule, mark, detail, sent: sentLine(exchange), received: receivedLine(exchange) }
}

const SHOWN_REQUEST_FIELDS = ['if-match', 'if-none-match', 'if-unmodified-since', 'idempotency-key', 'content-type']
const SHOWN_FIELDS = ['etag', 'last-modified', 'cache-control', 'content-type', 'retry-after', 'location', 'vary']

function sentLine({ method, url, sent }: Exchange): string {
  const fields = SHOWN_REQUEST_FIELDS.filter((name) => sent[name] !== undefined)
  return [`${method} ${url}`, ...fields.map((name) => `${name}: ${sent[name]}`)].join('; ')
}

function receivedLine({ status, headers }: Exchange): string {
  const fields = SHOWN_FIELDS.filter((name) => headers[name] !== undefined)
  return [String(status), ...fields.map((name) => `${name}: ${headers[name]}`)].join('; ')
}
