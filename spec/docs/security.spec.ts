import { CONFLICTS } from '../../lib'
import { readSources } from '../sources'
import { pageAt } from './page'

const page = pageAt('docs/security.md')

const MIB = 1024 * 1024

/** What the code says somewhere in lib, and what that is. */
const LIMITS: Readonly<Record<string, readonly [code: string, value: number]>> = {
  'header lines': ['Math.min(1000,', 1000],
  'entity tags in one condition': ['maxTags = 256', 256],
  'conditions in an `If` field': ['MOST_CONDITIONS = 64', 64],
  'depth of a body': ['MAX_DEPTH = 128', 128],
  'operations of a JSON Patch': ['maxOperations = 1000', 1000],
  'what a JSON Patch adds or copies': ['maxAddedBytes = 1024 * 1024', MIB],
  'an upload': ['MAX_BYTES = 100 * 1024 * 1024', 100 * MIB],
  'an Idempotency-Key': ['MAX_LENGTH = 255', 255],
  'the kept answer of an Idempotency-Key': ['maxAnswerBytes ?? 262_144', 262_144],
  'repetitions that wait for one answer, in a process': ['MOST_WAITING = 1000', 1000],
  'requests that wait for a lock, in a process': ['maxWaiting ?? 100', 100],
  'the wait for a lock': ['waitMs ?? 5000', 5000],
  'a handler that holds a lock or a transaction': ['MAX_HOLD_MS = 60_000', 60_000],
  'requests that collide without a lock, in a process': ['MOST_WAITING = 1000', 1000],
  'a call of the adapter; a commit with all its tries': ['deadlineMs ?? 10_000', 10_000],
  '`conflicts` and `errors` in a problem': ['MOST_ITEMS = 50', 50],
  'routes in metrics': ['MOST_ROUTES = 200', 200],
}

const sources = readSources().map(({ tree }) => tree.text)

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

test.each(Object.entries(LIMITS))('%s: the page says what the code says', (what, [code, value]) => {
  const [, said = ''] = rows.find(([name]) => name === what) ?? []
  const [, number, unit] = /^(\d+)(?: (\w+))?/.exec(said) ?? []
  expect(Number(number) * (unit === 'MiB' ? MIB : 1)).toBe(value)
  expect(sources.some((text) => text.includes(code))).toBe(true)
})

test('what is said of a refusal is a kind, with its status', () => {
  const named = [...page.prose.matchAll(/(\d{3}) `(\w+)`/g)]
  expect(named.length).toBeGreaterThan(12)
  const wrong = named.filter(([, status, kind]) => CONFLICTS[kind as keyof typeof CONFLICTS]?.status !== Number(status))
  expect(wrong.map(([text]) => text)).toEqual([])
})
