import fc from 'fast-check'
import {
  type EntityTag,
  formatEntityTag,
  opaqueFromVersion,
  parseEntityTag,
  parseTagList,
  strongMatch,
  versionFromOpaque,
  weakMatch,
} from '../../lib/http/entity-tag'

const strong = (opaque: string): EntityTag => ({ weak: false, opaque })
const weak = (opaque: string): EntityTag => ({ weak: true, opaque })

// The edges of etagc = %x21 / %x23-7E / obs-text, and what is likely to be inside of them.
const etagc = fc.oneof(
  fc.constantFrom('!', '#', '~', '\x80', '\xff', ',', '*', 'W', '/', '\\'),
  fc.integer({ min: 0x23, max: 0x7e }).map((code) => String.fromCharCode(code)),
  fc.integer({ min: 0x80, max: 0xff }).map((code) => String.fromCharCode(code)),
)
const anyTag = fc.record({ weak: fc.boolean(), opaque: fc.string({ unit: etagc }) })

describe('comparison', () => {
  // The table of RFC 9110 §8.8.3.2.
  test.each([
    [weak('1'), weak('1'), false, true],
    [weak('1'), weak('2'), false, false],
    [weak('1'), strong('1'), false, true],
    [strong('1'), weak('1'), false, true],
    [strong('1'), strong('1'), true, true],
    [strong('1'), strong('2'), false, false],
  ])('%j and %j: strongly %s, weakly %s', (a, b, strongly, weakly) => {
    expect(strongMatch(a, b)).toBe(strongly)
    expect(weakMatch(a, b)).toBe(weakly)
  })

  test('case counts', () => {
    expect(weakMatch(strong('a'), strong('A'))).toBe(false)
  })

  test('another comparison can take the place of ===', () => {
    const sameLetters = (a: string, b: string) => a.toLowerCase() === b.toLowerCase()
    expect(strongMatch(strong('a'), strong('A'), sameLetters)).toBe(true)
    expect(strongMatch(weak('a'), strong('A'), sameLetters)).toBe(false)
    expect(weakMatch(weak('a'), strong('A'), sameLetters)).toBe(true)
    expect(weakMatch(weak('a'), strong('B'), sameLetters)).toBe(false)
  })
})

describe('one entity tag', () => {
  test.each([
    ['"xyzzy"', strong('xyzzy')],
    ['W/"xyzzy"', weak('xyzzy')],
    ['""', strong('')],
    ['W/""', weak('')],
    ['"a,b"', strong('a,b')],
    ['"*"', strong('*')],
    ['"W/"', strong('W/')],
    ['"!"', strong('!')],
    ['"#~"', strong('#~')],
    ['"\x80\xff"', strong('\x80\xff')],
    // No quoted-string: a backslash escapes nothing.
    ['"a\\"', strong('a\\')],
  ])('%j is a tag', (text, tag) => {
    expect(parseEntityTag(text)).toEqual(tag)
    expect(formatEntityTag(tag)).toBe(text)
  })

  test.each([
    '',
    '*',
    'xyzzy',
    '"',
    'W/"',
    '"xyzzy',
    'xyzzy"',
    'w/"xyzzy"',
    'W"xyzzy"',
    'W/ "xyzzy"',
    'W/xyzzy',
    'WW/"a"',
    ' "a"',
    '"a" ',
    '"a""b"',
    '"a", "b"',
    '"a b"',
    '"a\tb"',
    '"a\0b"',
    '"a\x1fb"',
    '"a\x7fb"',
    '"\u0100"',
    '"\u20ac"',
    "'a'",
  ])('%j is none', (text) => {
    expect(parseEntityTag(text)).toBeUndefined()
  })

  test('what is written is read', () => {
    fc.assert(fc.property(anyTag, (tag) => expect(parseEntityTag(formatEntityTag(tag))).toEqual(tag)))
  })
})

describe('a list of entity tags', () => {
  test.each(['*', ' *', '* ', '\t*\t', ' \t * \t '])('%j is the star', (field) => {
    expect(parseTagList(field)).toBe('*')
  })

  // Names and cases after tower-http's `for_each_etag_…` tests.
  test.each([
    ['single', '"a"', [strong('a')]],
    ['single, weak', 'W/"a"', [weak('a')]],
    ['two', '"a", "b"', [strong('a'), strong('b')]],
    ['strong and weak', 'W/"a", "b", W/"c"', [weak('a'), strong('b'), weak('c')]],
    ['no space', '"a","b"', [strong('a'), strong('b')]],
    ['spaces and tabs', ' \t"a"\t , \t"b" ', [strong('a'), strong('b')]],
    ['comma inside quotes', '"a,b", "c"', [strong('a,b'), strong('c')]],
    ['weak with comma inside', 'W/"a,b"', [weak('a,b')]],
    ['only a comma inside', '","', [strong(',')]],
    ['star in quotes', '"*"', [strong('*')]],
    ['star in quotes beside a tag', '"a", "*"', [strong('a'), strong('*')]],
    ['nothing: a list of nothing (RFC 9110 §5.6.1.2)', '', []],
    ['whitespace only', ' \t ', []],
    ['commas only', ', ,,', []],
    ['empty tag', '""', [strong('')]],
    ['empty members', ', "a",, ,"b" ,', [strong('a'), strong('b')]],
    ['the same tag twice', '"a", "a"', [strong('a'), strong('a')]],
    ['high octets', '"\xe9"', [strong('\xe9')]],
  ])('%s', (_name, field, tags) => {
    expect(parseTagList(field)).toEqual(tags)
  })

  test.each([
    ['star beside a tag', '*, "a"'],
    ['tag beside a star', '"a", *'],
    ['two stars', '*, *'],
    ['star with a comma', '*,'],
    ['comma with a star', ',*'],
    ['star glued to a tag', '*"a"'],
    ['no quotes', 'a'],
    ['no quotes after a tag', '"a", b'],
    ['unclosed', '"a", "b'],
    ['only an opening quote', 'W/"'],
    ['no comma between', '"a" "b"'],
    ['nothing between', '"a""b"'],
    ['junk after a tag', '"a"x'],
    ['junk after a tag and a space', '"a" x, "b"'],
    ['semicolon between', '"a"; "b"'],
    ['lower-case w', 'w/"a"'],
    ['space in a tag', '"a b"'],
    ['line break', '"a",\n"b"'],
    ['no-break space', '\xa0"a"'],
    ['vertical tab', '\v"a"'],
  ])('%s: malformed', (_name, field) => {
    expect(parseTagList(field)).toBeUndefined()
  })

  test('256 tags are taken, 257 are not', () => {
    expect(parseTagList(Array(256).fill('"a"').join(','))).toHaveLength(256)
    expect(parseTagList(Array(257).fill('"a"').join(','))).toBeUndefined()
  })

  test('the limit is an argument, and empty members do not count', () => {
    expect(parseTagList(',,"a",,,"b",,', 2)).toHaveLength(2)
    expect(parseTagList('"a","b","c"', 2)).toBeUndefined()
    expect(parseTagList('*', 0)).toBe('*')
  })

  test('whatever the members and the space between them, the list is read', () => {
    const space = fc.string({ unit: fc.constantFrom(' ', '\t'), maxLength: 3 })
    const member = fc.tuple(space, fc.option(anyTag), space)
    fc.assert(
      fc.property(fc.array(member), (members) => {
        const field = members
          .map(([before, tag, after]) => before + (tag ? formatEntityTag(tag) : '') + after)
          .join(',')
        const tags = members.flatMap(([, tag]) => (tag ? [tag] : []))
        expect(parseTagList(field)).toEqual(tags)
      }),
    )
  })

  // SECURITY S3: one of these took a plausible regular expression seconds at 105 bytes. What is linear takes about 1 ms
  // here, what is quadratic seconds.
  test.each([
    ['tags, then junk', `${'"a" '.repeat(16_000)}x`],
    ['tags with commas, then junk', `${'"a",'.repeat(16_000)}x`],
    ['a tag, spaces, junk', `"a"${' '.repeat(64_000)}x`],
    ['spaces', ' '.repeat(64_000)],
    ['commas', ','.repeat(64_000)],
    ['commas and spaces', `${', '.repeat(32_000)}x`],
    ['opening quotes of weak tags', 'W/"'.repeat(21_000)],
    ['quotes', '"'.repeat(64_001)],
    ['an unclosed tag', `"${'a'.repeat(64_000)}`],
    ['star and spaces', `*${' '.repeat(64_000)}x`],
  ])('64 kB of %s are read in linear time', (_name, field) => {
    const start = performance.now()
    expect(parseTagList(field, Number.POSITIVE_INFINITY) ?? []).toEqual([])
    expect(performance.now() - start).toBeLessThan(1000)
  })
})

describe('the opaque part made from a version', () => {
  test.each([
    ['', ''],
    ['7', '7'],
    ['!#$&~', '!#$&~'],
    ['2026-11-22T10:00:00.000Z', '2026-11-22T10:00:00.000Z'],
    ['a,b', 'a,b'],
    ['a b', 'a%20b'],
    ['say "hi"', 'say%20%22hi%22'],
    ['100%', '100%25'],
    ['%20', '%2520'],
    ['a\0\tb', 'a%00%09b'],
    ['\x7f', '%7F'],
    ['\xe9', '%E9'],
    ['\xff', '%FF'],
    ['\u0100', '%u0100'],
    ['€7', '%u20AC7'],
    ['😀', '%uD83D%uDE00'],
    ['\ud83d', '%uD83D'],
    ['v1 😀 "x"', 'v1%20%uD83D%uDE00%20%22x%22'],
  ])('of %j is %j', (version, opaque) => {
    expect(opaqueFromVersion(version)).toBe(opaque)
  })

  const version = fc.string({
    unit: fc.oneof(
      fc.constantFrom('%', '"', ' ', 'u', '0', '2', '5', 'A', '\ud83d', '\ude00', '\u0100', '\xff', '\x7f', '\x10'),
      fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
    ),
  })

  test('always makes a valid tag', () => {
    fc.assert(
      fc.property(version, (text) => {
        const tag = strong(opaqueFromVersion(text))
        expect(parseEntityTag(formatEntityTag(tag))).toEqual(tag)
      }),
    )
  })

  test('can be undone, so two versions never make the same tag', () => {
    fc.assert(fc.property(version, (text) => expect(versionFromOpaque(opaqueFromVersion(text))).toBe(text)))
  })
})
