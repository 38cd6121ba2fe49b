import { PROBLEM_JSON } from '../http/problem'
import { type Exchange, type Exchanger, NoAnswerError, parsed } from './exchange'
import { type Finding, finding, type Rule } from './report'

const RULES = {
  answered: {
    id: 'answered',
    title: 'Every request is answered, whatever its path',
    clause: 'RFC 9110 §15.5.1',
    cure: 'Answer a path that cannot be decoded with 400. An error that nobody catches ends the process, for all clients.',
    topic: 'told',
  },
  machine: {
    id: 'machine-readable',
    title: 'A refusal can be read by a program',
    clause: 'RFC 9457 §3; RFC 9110 §15.5.10',
    cure: 'Answer application/problem+json with a type of its own for each kind of conflict.',
    topic: 'told',
  },
  instance: {
    id: 'instance',
    title: 'A refusal can be found again in the logs',
    clause: 'RFC 9457 §3.1.5',
    cure: 'Give each refusal an instance, and write the same one into the log.',
    topic: 'told',
  },
  noStore: {
    id: 'no-store',
    title: 'Refusals are not stored',
    clause: 'RFC 6585 §3; RFC 9111 §5.2.2.5',
    cure: 'Send Cache-Control: no-store on refusals; without it a cache may keep a 404 or a 410.',
    topic: 'latest',
  },
  leak: {
    id: 'leak',
    title: 'Errors tell nothing about the inside',
    clause: 'RFC 9457 §5',
    cure: 'Answer with a text of your own; write what the driver said into the log.',
    topic: 'quiet',
  },
} as const satisfies Record<string, Rule>

/** Keys that no resource has and that careless code handles badly. They are read, never written. The worst one is last. */
const ODD_KEYS = ['express-conflict-audit', "x'y", '%00', '9'.repeat(40), '%E0%A4%A']

const LEAKS = [
  /\n\s+at .+[(/].+:\d+:\d+/,
  /node_modules[\\/]/,
  /SQLSTATE|syntax error at or near|violates \w+ constraint|ER_[A-Z_]{4,}|SQLITE_[A-Z]+|ORA-\d{5}/,
  /(?:UNIQUE|NOT NULL|FOREIGN KEY|CHECK) constraint failed|Duplicate entry '.*' for key/,
  /Cast to \w+ failed|MongoServerError|PrismaClient|SequelizeDatabaseError|QueryFailedError|E11000/,
  /ECONNREFUSED|invalid input syntax for/,
]

/** Requests resources that do not exist, and checks every refusal of the whole audit. */
export async function auditRefusals(exchanger: Exchanger, url: string): Promise<Finding[]> {
  const parent = new URL('.', url.replace(/\/$/, '')).href
  const answered = await oddReads(exchanger, parent)
  const refusals = exchanger.all.filter(({ status, method }) => status >= 400 && method !== 'HEAD')
  if (refusals.length === 0) return [answered, finding(RULES.machine, 'unseen', 'Nothing was refused.')]
  const leaked = refusals.map(leakIn).find((text) => text !== undefined)
  const conflicts = refusals.filter(({ status }) => [404, 409, 410, 412, 422, 423, 428].includes(status))
  return [
    answered,
    worst(RULES.leak, refusals, (each) => leakIn(each) !== undefined, 'failed', `gives away "${leaked}"`),
    conflicts.every(isReadable)
      ? worst(RULES.machine, conflicts, (each) => !isProblem(each), 'warning', 'is JSON, but no problem')
      : worst(RULES.machine, conflicts, (each) => !isReadable(each), 'failed', 'is no JSON'),
    worst(
      RULES.instance,
      conflicts,
      (each) => typeof parsed(each.body)?.instance !== 'string',
      'warning',
      'has no instance',
    ),
    worst(
      RULES.noStore,
      conflicts,
      (each) => !/no-store/i.test(each.headers['cache-control'] ?? ''),
      'warning',
      'may be stored',
    ),
  ]
}

/** Ends with the first one that is not answered: the server may be down. */
async function oddReads(exchanger: Exchanger, parent: string): Promise<Finding> {
  try {
    for (const key of ODD_KEYS) await exchanger.send('GET', parent + key)
    return finding(RULES.answered, 'passed', `${ODD_KEYS.length} odd keys were asked for.`)
  } catch (error) {
    if (!(error instanceof NoAnswerError)) throw error
    return finding(RULES.answered, 'failed', `${error.message}. Look whether the server is still running.`)
  }
}

function leakIn({ body }: Exchange): string | undefined {
  return LEAKS.map((leak) => leak.exec(body)?.[0].trim().slice(0, 80)).find((text) => text !== undefined)
}

const typeOf = ({ headers }: Exchange) => headers['content-type'] ?? ''
const isReadable = (each: Exchange) => /[/+]json\b/.test(typeOf(each))
const isProblem = (each: Exchange) => typeOf(each).startsWith(PROBLEM_JSON)

function worst(
  rule: Rule,
  among: readonly Exchange[],
  isWrong: (exchange: Exchange) => boolean,
  mark: 'failed' | 'warning',
  what: string,
): Finding {
  const wrong = among.filter(isWrong)
  const [first] = wrong
  if (first === undefined) return finding(rule, among.length > 0 ? 'passed' : 'unseen', `${among.length} looked at.`)
  const statuses = [...new Set(wrong.map(({ status }) => status))].join(', ')
  return finding(rule, mark, `${wrong.length} of ${among.length} ${what} (${statuses}).`, first)
}
