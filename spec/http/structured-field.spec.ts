import fc from 'fast-check'
import { parseDigests, parseIdempotencyKey } from '../../lib/http/structured-field'

describe('parseIdempotencyKey', () => {
  test.each([
    ['"8e03978e-40d5-43dd-bc93-6894a57f9324"', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
    ['8e03978e-40d5-43dd-bc93-6894a57f9324', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
    ['"a"', 'a'],
    ['a', 'a'],
    [' \t"a"\t ', 'a'],
    [' \ta\t ', 'a'],
    ['"a b"', 'a b'],
    ['" a "', ' a '],
    ['"a,b;c"', 'a,b;c'],
    ['"\\""', '"'],
    ['"\\\\"', '\\'],
    ['"a\\\\\\"b"', 'a\\"b'],
    ['"\\\\\\\\n"', '\\\\n'],
    ['" ~"', ' ~'],
    ['!#+-:<[]~', '!#+-:<[]~'],
    ["$%&'()*./0=>?@^_`{|}", "$%&'()*./0=>?@^_`{|}"],
  ])('%j is the key %j', (field, key) => {
    expect(parseIdempotencyKey(field)).toBe(key)
  })

  test.each([
    '"a";p',
    '"a";p=1',
    '"a"; p=1',
    '"a";   p=1',
    '"a";p=1;q=2',
    '"a";p="x"',
    '"a";p="x;\\"y, z";q',
    '"a";p=?0;*q=:YQ==:',
    '"a";p=-1.5;a-b_c.d*9=tok/en:*',
    '"a";p;q;r="";s',
    '"a";p=%"f%c3%bc%c3%bc %22"',
    '"a";p=%"";q=1',
    '"a";p=@1659578233;q=@-1',
    '"a";p=123456789012345;q=123456789012.123',
    '"a";p=::;q=:YQ:',
    '"a";p=*;q=t!#$%&\'*+-.^_`|~:/0',
  ])('%s: parameters are dropped', (field) => {
    expect(parseIdempotencyKey(field)).toBe('a')
  })

  test.each([
    ['nothing', ''],
    ['space', '  '],
    ['a tab', '\t'],
    ['an empty string', '""'],
    ['a quote', '"'],
    ['an unclosed string', '"a'],
    ['an unclosed string of what looks like a parameter', '";a'],
    ['an unopened string', 'a"'],
    ['an escaped closing quote', '"a\\"'],
    ['a backslash at the end', '"a\\'],
    ['another escape', '"a\\n"'],
    ['a single-quoted string with a quote', "'\"'"],
    ['a list', '"a", "b"'],
    ['a list of the same', '"a", "a"'],
    ['a list without spaces', '"a","b"'],
    ['a list of a string and a bare value', '"a", b'],
    ['a list of a string and a bare value without spaces', '"a",b'],
    ['a parameter without a semicolon', '"a"xp=1'],
    ['a parameter with two values', '"a";a=a=1'],
    ['a parameter with an empty value', '"a";p='],
    ['a number that is too long', '"a";p=1234567890123456'],
    ['a decimal with too many digits in front', '"a";p=1234567890123.1'],
    ['a decimal with too many digits behind', '"a";p=1.1234'],
    ['a decimal without digits behind', '"a";p=1.'],
    ['a number of two points', '"a";p=1.2.3'],
    ['a sign alone', '"a";p=-'],
    ['a token that begins with a digit', '"a";p=1a'],
    ['a token that begins with a point', '"a";p=.5'],
    ['a boolean that is none', '"a";p=?2'],
    ['a date with a fraction', '"a";p=@1.5'],
    ['bytes without their end', '"a";p=:YQ=='],
    ['bytes that are no base64', '"a";p=:a_b:'],
    ['a display string without its quotes', '"a";p=%a'],
    ['an open display string', '"a";p=%"a'],
    ['a display string with capital digits', '"a";p=%"%C3%BC"'],
    ['a display string of half a character', '"a";p=%"%c3"'],
    ['a display string of half a surrogate pair', '"a";p=%"%ed%a0%80"'],
    ['a display string with a percent sign', '"a";p=%"100%"'],
    ['a space behind a parameter', '"a";p=1 ;q'],
    ['a parameter in capitals', '"a";P=1'],
    ['a bare list', 'a, b'],
    ['a bare list without spaces', 'a,b'],
    ['two bare words', 'a b'],
    ['a bare backslash', 'a\\b'],
    ['a bare semicolon', 'a;b'],
    ['a bare value with a parameter', 'a;p=1'],
    ['junk after the string', '"a"b'],
    ['two strings', '"a""b"'],
    ['a space before a parameter', '"a" ;p'],
    ['a tab before a parameter name', '"a";\tp'],
    ['no parameter name', '"a";'],
    ['no first parameter name', '"a";;p'],
    ['an upper-case parameter name', '"a";P=1'],
    ['a parameter name that starts with a digit', '"a";1=1'],
    ['no parameter value', '"a";p='],
    ['no parameter value before the next', '"a";p=;q=1'],
    ['an unclosed parameter value', '"a";p="x'],
    ['a bad escape in a parameter value', '"a";p="\\x"'],
    ['junk after a parameter value', '"a";p="x"y'],
    ['a comma after a parameter', '"a";p=1, "b"'],
    ['a space in a parameter', '"a";p =1'],
    ['a control character in a string', '"a\x1fb"'],
    ['a tab in a string', '"a\tb"'],
    ['NUL', '"\0"'],
    ['DEL', '"\x7f"'],
    ['a bare DEL', '\x7f'],
    ['a bare NUL', 'a\0'],
    ['latin1 in a string', '"\xe9"'],
    ['bare latin1', '\xe9'],
    ['a bare line break at the end', 'a\n'],
    ['a no-break space', '\xa0a'],
  ])('%s: malformed', (_name, field) => {
    expect(parseIdempotencyKey(field)).toBeUndefined()
  })

  test('255 characters are a key, 256 are not', () => {
    const long = 'x'.repeat(255)
    expect(parseIdempotencyKey(long)).toBe(long)
    expect(parseIdempotencyKey(`"${long}"`)).toBe(long)
    expect(parseIdempotencyKey(`${long}x`)).toBeUndefined()
    expect(parseIdempotencyKey(`"${long}x"`)).toBeUndefined()
  })

  test('escapes do not count for the length', () => {
    expect(parseIdempotencyKey(`"${'\\"'.repeat(255)}"`)).toBe('"'.repeat(255))
  })

  const printable = fc.string({
    unit: fc.integer({ min: 0x20, max: 0x7e }).map((c) => String.fromCharCode(c)),
    minLength: 1,
    maxLength: 255,
  })

  test('every printable key can be sent in quotes', () => {
    fc.assert(
      fc.property(printable, (key) => {
        expect(parseIdempotencyKey(`"${key.replace(/["\\]/g, '\\$&')}"`)).toBe(key)
      }),
    )
  })

  test('a bare value is the key that it is in quotes', () => {
    fc.assert(
      fc.property(printable, (key) => {
        fc.pre(!/[ "\\,;]/.test(key))
        expect(parseIdempotencyKey(key)).toBe(parseIdempotencyKey(`"${key}"`))
      }),
    )
  })

  test.each([
    ['quotes', '"'.repeat(64_001)],
    ['backslashes', `"${'\\'.repeat(64_000)}`],
    ['parameters', `"a"${';a'.repeat(32_000)};`],
    ['parameter values', `"a";a=${'a='.repeat(32_000)}"`],
    ['spaces', `${' '.repeat(64_000)}"`],
    ['spaces in a parameter', `"a";${' '.repeat(64_000)}"`],
    ['a bare value', `${'a'.repeat(64_000)},`],
  ])('64 kB of %s are refused in linear time', (_name, field) => {
    const start = performance.now()
    expect(parseIdempotencyKey(field)).toBeUndefined()
    expect(performance.now() - start).toBeLessThan(1000)
  })
})

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
