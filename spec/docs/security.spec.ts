import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CONFLICTS } from '../../lib'
import { ROOT } from '../sources'
import { pageAt } from './page'

const page = pageAt('docs/security.md')

const DEFINITION = 'middleware/options/definition.ts'
const MIB = 1024 * 1024

/** Where the code says what a row of the table says, and what that is. */
const LIMITS: Readonly<Record<string, readonly [path: string, code: string, value: number]>> = {
  'header lines': ['middleware/request/truncated-headers.ts', 'Math.min(1000,', 1000],
  'entity tags in one condition': ['http/entity-tag.ts', 'maxTags = 256', 256],
  'conditions in an `If` field': ['http/if-header.ts', 'MOST_CONDITIONS = 64', 64],
  'depth of a body': ['middleware/change/body.ts', 'MAX_DEPTH = 128', 128],
  'operations of a JSON Patch': ['json/patch.ts', 'maxOperations = 1000', 1000],
  'what a JSON Patch adds or copies': ['json/patch.ts', 'maxAddedBytes = 1024 * 1024', MIB],
  'an upload': ['middleware/uploads/receive-file.ts', 'MAX_BYTES = 100 * 1024 * 1024', 100 * MIB],
  'an Idempotency-Key': ['http/structured-field.ts', 'MAX_LENGTH = 255', 255],
  'the kept answer of an Idempotency-Key': [
    'middleware/options/idempotency-settings.ts',
    'maxAnswerBytes ?? 262_144',
    262_144,
  ],
  'repetitions that wait for one answer, in a process': ['idempotency/look-together.ts', 'MOST_WAITING = 1000', 1000],
  'requests that wait for a lock, in a process': [DEFINITION, 'maxWaiting ?? 100', 100],
  'the wait for a lock': [DEFINITION, 'waitMs ?? 5000', 5000],
  'a handler that holds a lock': [DEFINITION, 'maxHoldMs ?? 60_000', 60_000],
  'requests that collide without a lock, in a process': ['middleware/commit/line-up.ts', 'MOST_WAITING = 1000', 1000],
  'a call of the adapter; a commit with all its tries': [DEFINITION, 'deadlineMs ?? 10_000', 10_000],
  '`conflicts` and `errors` in a problem': ['conflicts/conflicts.ts', 'MOST_ITEMS = 50', 50],
  'routes in metrics': ['metrics/conflict-metrics.ts', 'MOST_ROUTES = 200', 200],
}

/** Those of Express, and those that are the app's to set. */
const NOT_OURS = [
  'body, in `resourceRouter`',
  'body, in front of `detectConflicts`',
  'resources in `memoryAdapter`',
  'records in `memoryStore`',
]

const table = page.text.split('## What is limited')[1]?.split('\n## ')[0] ?? ''
const rows = [...table.matchAll(/^\| (?!What a|-)(.*)\|$/gm)].map(([, row = '']) =>
  row.split('|').map((cell) => cell.trim()),
)

test('every row of the table of limits is held by this spec', () => {
  expect(rows.map(([what]) => what).sort()).toEqual([...Object.keys(LIMITS), ...NOT_OURS].sort())
})

test.each(Object.entries(LIMITS))('%s: the page says what the code says', (what, [path, code, value]) => {
  const [, said = ''] = rows.find(([name]) => name === what) ?? []
  const [, number, unit] = /^(\d+)(?: (\w+))?/.exec(said) ?? []
  expect(Number(number) * (unit === 'MiB' ? MIB : 1)).toBe(value)
  expect(readFileSync(join(ROOT, 'lib', path), 'utf8')).toContain(code)
})

test('what is said of a refusal is a kind, with its status', () => {
  const named = [...page.prose.matchAll(/(\d{3}) `(\w+)`/g)]
  expect(named.length).toBeGreaterThan(12)
  const wrong = named.filter(([, status, kind]) => CONFLICTS[kind as keyof typeof CONFLICTS]?.status !== Number(status))
  expect(wrong.map(([text]) => text)).toEqual([])
})
