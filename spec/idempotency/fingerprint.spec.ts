import { type FingerprintParts, fingerprintOf } from '../../lib/idempotency/record'
import { marksOf } from '../../lib/json/marks'

const FIRST: FingerprintParts = {
  method: 'POST',
  path: '/a',
  query: '?x=1&y=2',
  mediaType: 'application/json',
  body: { a: 1, b: [2] },
}
const of = (parts: Partial<FingerprintParts>, ignore: string[][] = []) =>
  fingerprintOf({ ...FIRST, ...parts }, marksOf(ignore))

test.each<[string, Partial<FingerprintParts>]>([
  ['members in another order', { body: { b: [2], a: 1.0 } }],
  ['parameters in another order', { query: 'y=2&x=1' }],
  ['empty parameters', { query: '?x=1&&y=2&' }],
])('the same with %s', (_, parts) => expect(of(parts)).toBe(of({})))

test.each<[string, Partial<FingerprintParts>]>([
  ['method', { method: 'PUT' }],
  ['path', { path: '/b' }],
  ['value of a parameter', { query: '?x=1&y=3' }],
  ['spelling of a parameter', { query: '?x=1&y=%32' }],
  ['type', { mediaType: 'text/plain' }],
  ['body', { body: { a: 1, b: [3] } }],
  ['order of items', { body: [1, 2] }],
  ['no body', { body: undefined }],
  ['null', { body: null }],
  ['bytes', { body: Buffer.from('{"a":1,"b":[2]}') }],
  ['text', { body: '{"a":1,"b":[2]}' }],
])('another %s is another fingerprint', (_, parts) => expect(of(parts)).not.toBe(of({})))

test('no two bodies of different kinds meet', () => {
  const bodies = [undefined, null, 'none', 'null', 'bytes', Buffer.from(''), Buffer.from('none'), [], {}, '', 0, false]
  expect(new Set(bodies.map((body) => of({ body }))).size).toBe(bodies.length)
})

test('parameters of one name keep their order', () => {
  expect(of({ query: 'x=1&x=2' })).not.toBe(of({ query: 'x=2&x=1' }))
})

test('fields that are ignored do not count, wherever they are', () => {
  const ignore = [['at'], ['items', '*', 'nonce']]
  const body = (at: number, nonce: number) => ({ at, items: [{ sku: 1, nonce }] })
  expect(of({ body: body(1, 2) }, ignore)).toBe(of({ body: body(3, 4) }, ignore))
  expect(of({ body: body(1, 2) })).not.toBe(of({ body: body(3, 4) }))
})
