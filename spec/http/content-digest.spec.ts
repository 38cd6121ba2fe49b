import { parseDigests } from '../../lib/http/content-digest'

test.each([
  ['sha-256=:AAAA:', [{ algorithm: 'sha-256', base64: 'AAAA' }]],
  [' sha-256=:AA==: ', [{ algorithm: 'sha-256', base64: 'AA==' }]],
  [
    'sha-256=:AAAA:, \tsha-512=:BBBB:',
    [
      { algorithm: 'sha-256', base64: 'AAAA' },
      { algorithm: 'sha-512', base64: 'BBBB' },
    ],
  ],
  ['a=:AAAA:,a=:BBBB:', [{ algorithm: 'a', base64: 'BBBB' }]],
  ['a=:AAAA:;q=1; r="x, y"', [{ algorithm: 'a', base64: 'AAAA' }]],
  ['a=:AAAA:;q=@1;r=%"%c3%a9";s=?0;t', [{ algorithm: 'a', base64: 'AAAA' }]],
  ['a=:AAAA:;q=r=1', undefined],
  ['a=:AAAA:;q=%"%ff"', undefined],
  ['unixsum=30637, x=(1 "a";q=1  :AA==:);r, y=( ), z, a=:AAAA:', [{ algorithm: 'a', base64: 'AAAA' }]],
  ['x=(1"a")', undefined],
  ['x=(1 ', undefined],
  ['sha-256=:AAAA:, sha-256', undefined],
  ['a=:AAAA:;q=1; r=x', [{ algorithm: 'a', base64: 'AAAA' }]],
  ['', []],
  [' ', []],
  ['sha-256', undefined],
  ['sha-256=AAAA', undefined],
  ['sha-256=":AAAA:"', undefined],
  ['SHA-256=:AAAA:', undefined],
  ['sha-256=:AA AA:', undefined],
  ['sha-256=:AAAA:,', undefined],
  [',sha-256=:AAAA:', undefined],
  ['sha-256=:AAAA: sha-512=:AAAA:', undefined],
])('%j holds %j', (field, digests) => {
  expect(parseDigests(field)).toEqual(digests)
})

test.each(['a=:', ', a=( 1 ', '1 ', 'a;'.repeat(2), 'a=:A:; ', 'a=:A:;b', ' '])(
  'a long field of %j is read in no time',
  (part) => {
    const from = performance.now()
    parseDigests(`a=:A:${part.repeat(100_000)}!`)
    expect(performance.now() - from).toBeLessThan(2000)
  },
)
