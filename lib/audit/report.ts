import type { Exchange } from './exchange'

/** `unseen`: it cannot be seen from outside, or was not tried. */
type Mark = 'passed' | 'failed' | 'warning' | 'unseen'

/** A requirement that the audit checks. The `id` is stable, so a CI job may keep a list of accepted ones. */
export interface Rule {
  readonly id: string
  readonly title: string
  /** The RFC and section of the requirement. */
  readonly clause: string
  readonly cure: string
  readonly topic: Topic
}

/** The lines of the checklist. */
const TOPICS = {
  latest: 'The latest version is used: reads are revalidated',
  validated: 'Entity tags and revisions are validated',
  concurrent: 'Concurrent writes are prevented: of two, one wins',
  isolated: 'Isolation holds: what was answered with success is what is stored',
  retries: 'Retries are safe',
  locks: 'Locks are applied where people edit for long',
  told: 'Refusals can be acted on by a program, and logged and counted',
  quiet: 'Refusals give nothing away',
} as const

type Topic = keyof typeof TOPICS

/** The result of one check. */
export interface Finding {
  readonly rule: Rule
  readonly mark: Mark
  readonly detail: string
  /** The request and the answer that show it, one line each. */
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

/** The result of an audit. */
export interface Report {
  readonly url: string
  readonly findings: readonly Finding[]
  /** What the audit changed and could not undo. */
  readonly left: readonly string[]
  readonly requests: number
}

const MARKS: Readonly<Record<Mark, string>> = { passed: '✓', failed: '✗', warning: '!', unseen: '–' }
const WORST: readonly Mark[] = ['failed', 'warning', 'passed', 'unseen']

/** Hints for topics that the audit did not see. */
const BY_HAND: Readonly<Partial<Record<Topic, string>>> = {
  locks: 'cannot be seen from outside: is there a lock, or a merge, where people edit for minutes?',
  retries: 'not tried: name a collection with --create',
  concurrent: 'not tried: name a resource that may be changed with --write',
  isolated: 'not tried: name a resource that may be changed with --write',
}

function markOf(findings: readonly Finding[]): Mark {
  return WORST.find((mark) => findings.some((each) => each.mark === mark)) ?? 'unseen'
}

/** The checklist, with the failures and warnings below each line. */
export function formatReport({ url, findings, left, requests }: Report): string {
  const topics = (Object.keys(TOPICS) as Topic[]).map((topic) => {
    const own = findings.filter(({ rule }) => rule.topic === topic)
    const mark = markOf(own)
    const hint = mark === 'unseen' ? (own[0]?.detail ?? BY_HAND[topic]) : undefined
    const lines = own.filter((each) => each.mark === 'failed' || each.mark === 'warning').map(formatFinding)
    return [`${MARKS[mark]} ${TOPICS[topic]}${hint ? ` (${hint})` : ''}`, ...lines].join('\n')
  })
  const count = (mark: Mark) => findings.filter((each) => each.mark === mark).length
  const sum = `${count('passed')} passed, ${count('failed')} failed, ${count('warning')} warnings, ${requests} requests`
  const undone = left.length > 0 ? ['', 'Left behind:', ...left.map((each) => printable(`    ${each}`))] : []
  return [`Audit of ${url}`, '', ...topics, ...undone, '', sum, ''].join('\n')
}

function formatFinding({ rule, mark, detail, sent, received }: Finding): string {
  const lines = [`    ${MARKS[mark]} ${rule.title}: ${detail} [${rule.id}, ${rule.clause}]`]
  if (sent !== undefined) lines.push(`        sent      ${sent}`, `        received  ${received}`)
  lines.push(`        cure      ${rule.cure}`)
  return printable(lines.join('\n'))
}

/** Control characters in what a server sent could steer the terminal. */
function printable(text: string): string {
  return text.replace(/[^\P{Cc}\n]/gu, '\uFFFD')
}

/** The report as SARIF 2.1.0, for code scanning on GitHub and elsewhere. */
export function sarifOf({ url, findings }: Report): object {
  const wrong = findings.filter(({ mark }) => mark === 'failed' || mark === 'warning')
  const rules = [...new Map(findings.map(({ rule }) => [rule.id, rule])).values()]
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'express-conflict audit',
            rules: rules.map(({ id, title, clause, cure }) => ({
              id,
              shortDescription: { text: title },
              help: { text: `${cure} (${clause})` },
            })),
          },
        },
        results: wrong.map(({ rule, mark, detail, sent, received }) => ({
          ruleId: rule.id,
          level: mark === 'failed' ? 'error' : 'warning',
          message: {
            text: [detail, sent && `Sent: ${sent}`, received && `Received: ${received}`].filter(Boolean).join(' '),
          },
          locations: [{ physicalLocation: { artifactLocation: { uri: url } } }],
        })),
      },
    ],
  }
}
