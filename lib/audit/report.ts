import { type Finding, type Mark, TOPICS, type Topic } from './finding'

/** Everything that an audit found. */
export interface Report {
  readonly url: string
  readonly findings: readonly Finding[]
  readonly requests: number
}

const MARKS: Readonly<Record<Mark, string>> = { passed: '✓', failed: '✗', warning: '!', unseen: '–' }
const WORST: readonly Mark[] = ['failed', 'warning', 'passed', 'unseen']

/** What the audit cannot see, and who can. */
const BY_HAND: Readonly<Partial<Record<Topic, string>>> = {
  locks: 'cannot be seen from outside: is there a lock, or a merge, where people edit for minutes?',
  retries: 'not tried: name a collection with --create',
  concurrent: 'not tried: name a resource that may be changed with --write',
  isolated: 'not tried: name a resource that may be changed with --write',
}

export function markOf(findings: readonly Finding[]): Mark {
  return WORST.find((mark) => findings.some((each) => each.mark === mark)) ?? 'unseen'
}

/** The checklist, with what is wrong below each line. */
export function formatReport({ url, findings, requests }: Report): string {
  const topics = (Object.keys(TOPICS) as Topic[]).map((topic) => {
    const own = findings.filter(({ rule }) => rule.topic === topic)
    const mark = markOf(own)
    const hint = mark === 'unseen' ? BY_HAND[topic] : undefined
    const lines = own.filter((each) => each.mark === 'failed' || each.mark === 'warning').map(formatFinding)
    return [`${MARKS[mark]} ${TOPICS[topic]}${hint ? ` (${hint})` : ''}`, ...lines].join('\n')
  })
  const count = (mark: Mark) => findings.filter((each) => each.mark === mark).length
  const sum = `${count('passed')} passed, ${count('failed')} failed, ${count('warning')} warnings, ${requests} requests`
  return [`Audit of ${url}`, '', ...topics, '', sum, ''].join('\n')
}

function formatFinding({ rule, mark, detail, sent, received }: Finding): string {
  const lines = [`    ${MARKS[mark]} ${rule.title}: ${detail} [${rule.id}, ${rule.clause}]`]
  if (sent !== undefined) lines.push(`        sent      ${sent}`, `        received  ${received}`)
  lines.push(`        cure      ${rule.cure}`)
  return printable(lines.join('\n'))
}

/** What a server sends could steer the terminal. */
function printable(text: string): string {
  return text.replace(/[^\P{Cc}\n]/gu, '\uFFFD')
}

/** For code scanning of GitHub and others: SARIF 2.1.0. */
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
