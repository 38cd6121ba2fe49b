import { isSamePath, parseIf, parseLockToken } from '../../lib/http/if-header'

const strong = (opaque: string) => ({ weak: false, opaque })
const token = (text: string, not = false) => ({ not, token: text })
const tag = (opaque: string, not = false) => ({ not, tag: strong(opaque) })

describe('parseIf', () => {
  // The first ones are the examples of RFC 4918 §10.4.6 to §10.4.11, spaces in tags included.
  test.each([
    [
      '(<urn:uuid:181d4fae> ["I am an ETag"]) (["I am another ETag"])',
      [
        { resource: undefined, conditions: [token('urn:uuid:181d4fae'), tag('I am an ETag')] },
        { resource: undefined, conditions: [tag('I am another ETag')] },
      ],
    ],
    [
      '(Not <urn:uuid:181d4fae> <urn:uuid:58f202ac>)',
      [{ resource: undefined, conditions: [token('urn:uuid:181d4fae', true), token('urn:uuid:58f202ac')] }],
    ],
    [
      '(<urn:uuid:181d4fae>) (Not <DAV:no-lock>)',
      [
        { resource: undefined, conditions: [token('urn:uuid:181d4fae')] },
        { resource: undefined, conditions: [token('DAV:no-lock', true)] },
      ],
    ],
    [
      '</resource1> (<urn:uuid:181d4fae> [W/"A weak ETag"]) (["strong ETag"])',
      [
        {
          resource: '/resource1',
          conditions: [token('urn:uuid:181d4fae'), { not: false, tag: { weak: true, opaque: 'A weak ETag' } }],
        },
        { resource: '/resource1', conditions: [tag('strong ETag')] },
      ],
    ],
    [
      '<http://www.example.com/specs/> (["4217"])',
      [{ resource: 'http://www.example.com/specs/', conditions: [tag('4217')] }],
    ],
    [
      '</a> (["1"]) </b> (not ["2"])',
      [
        { resource: '/a', conditions: [tag('1')] },
        { resource: '/b', conditions: [tag('2', true)] },
      ],
    ],
    ['  ( <a>\t["]"] )  ', [{ resource: undefined, conditions: [token('a'), tag(']')] }]],
    ['(<a>)(<b>)', [token('a'), token('b')].map((each) => ({ resource: undefined, conditions: [each] }))],
  ])('%s', (field, expected) => {
    expect(parseIf(field)).toEqual(expected)
  })

  test.each([
    '',
    ' ',
    '()',
    '( )',
    '(',
    '(<a>',
    '(<a>))',
    'a',
    '<a>',
    '</a> </b> (<a>)',
    '(<a>) </b> (<a>)',
    '(<>)',
    '(<a b>)',
    '(<a<b>)',
    '(Not)',
    '(Not Not <a>)',
    '([])',
    '(["a)',
    '(["a"',
    '([a])',
    '([ "a"])',
    '(["a" ])',
    '(["a", "b"])',
    '(w/"a")',
    '([w/"a"])',
    '(["\u0101"])',
    '(<a>), (<b>)',
    '(<a>) x',
    'x<a>)',
    '(<a>) x<b>)',
    '(x"a"])',
    '(["a"x',
    '(["a"x)',
    '(Not)]',
    `(<${'a'.repeat(2049)}>)`,
    `(${'<a>'.repeat(65)})`,
    '(<a>)'.repeat(65),
  ])('is malformed: %j', (field) => {
    expect(parseIf(field)).toBeUndefined()
  })

  test('64 conditions are read, over several lists', () => {
    expect(parseIf('(<a>)'.repeat(64))).toHaveLength(64)
    expect(parseIf(`(${'<a>'.repeat(64)})`)?.[0]?.conditions).toHaveLength(64)
  })

  test.each([
    '('.repeat(1e6),
    `(${' '.repeat(1e6)}`,
    `(<${'a'.repeat(1e6)}`,
    `(["${'a'.repeat(1e6)}`,
    `([${'W/'.repeat(5e5)}`,
    '(<a'.repeat(3e5),
    `(${'Not '.repeat(2e5)}<a>)`,
  ])('takes time in proportion to its length: case %#', (field) => {
    const from = performance.now()
    expect(parseIf(field)).toBeUndefined()
    expect(performance.now() - from).toBeLessThan(1000)
  })
})

describe('parseLockToken', () => {
  test.each([
    ['<urn:uuid:a515cfa4>', 'urn:uuid:a515cfa4'],
    [' <urn:uuid:a515cfa4>\t', 'urn:uuid:a515cfa4'],
    ['urn:uuid:a515cfa4', undefined],
    ['<urn:uuid:a515cfa4', undefined],
    ['<a> <b>', undefined],
    ['<a>, <b>', undefined],
    ['<>', undefined],
    ['', undefined],
  ])('%j', (field, expected) => {
    expect(parseLockToken(field)).toBe(expected)
  })
})

describe('isSamePath', () => {
  test.each([
    ['/r/%61%20b', '/r/a%20b'],
    ['http://any.host/r/1?x=1', '/r/1?y=2'],
    ['/r/x/../1', '/r/1'],
    ['/r/1/', '/r/1'],
    ['/r/%c3%a4', '/r/%C3%A4'],
    ['/r/%zz', '/r/%zz'],
    ['/r/a|b', '/r/a%7Cb'],
  ])('%s is %s', (one, other) => {
    expect(isSamePath(one, other)).toBe(true)
  })

  test.each([
    ['/r/1', '/r/2'],
    ['/r/a%2Fb', '/r/a/b'],
    ['/r/%2561', '/r/a'],
    ['/r/A', '/r/a'],
    ['http://[', 'http://['],
  ])('%s is not %s', (one, other) => {
    expect(isSamePath(one, other)).toBe(false)
  })
})
