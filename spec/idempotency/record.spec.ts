import fc from 'fast-check'
import { type IdempotencyRecord, parseRecord, printRecord, recordKey } from '../../lib/idempotency/record'

const base = { fingerprint: 'f', token: 't' }
const records: IdempotencyRecord[] = [
  { ...base, state: 'running', isWatched: false },
  { ...base, state: 'running', isWatched: true },
  { ...base, state: 'answer-lost' },
]

test.each(records)('%j is what it was', (record) => expect(parseRecord(printRecord(record))).toEqual(record))

test.each(['answered', 'carried-out'] as const)('%s: every body is what it was, byte for byte', (state) => {
  const bodies = fc.oneof(
    fc.uint8Array().map(Buffer.from),
    fc.string().map((text) => Buffer.from(text)),
  )
  fc.assert(
    fc.property(bodies, fc.string(), (body, value) => {
      const record: IdempotencyRecord = {
        ...base,
        state,
        answer: {
          status: 201,
          headers: [
            ['location', value],
            ['link', [value, 'b']],
          ],
          body,
        },
      }
      expect(parseRecord(printRecord(record))).toEqual(record)
    }),
  )
})

test('no choice of name, scope and key makes the record of another', () => {
  const keys = [
    recordKey('key', 'a', 'b', 'c'),
    recordKey('content', 'a', 'b', 'c'),
    recordKey('key', 'a","b', '', 'c'),
    recordKey('key', 'a', ['b'], 'c'),
    recordKey('key', 'a', ['b', 'c'], ''),
    recordKey('key', 'a', 'b","c', ''),
  ]
  expect(new Set(keys).size).toBe(keys.length)
})
