import { newAjv } from '../../lib/schema/ajv'

const ajv = newAjv({}, { strict: false })
const check = (schema: object) => ajv.compile(schema)

describe('url', () => {
  const isUrl = check({ type: 'string', format: 'url' })

  test.each([
    'http://example.com',
    'https://user:pass@example.com:8080/path?query#part',
    'http://a:b:c@example.com',
    'ftp://example.com/a@b',
    'http://142.42.1.1/',
    'http://مثال.إختبار',
  ])('%s is one', (text) => expect(isUrl(text)).toBe(true))

  test.each([
    '',
    'http://',
    'http://10.1.1.1',
    'http://a b.example',
    'http://example.com/a b',
    '//example.com',
    'http://-a-.',
  ])('%j is none', (text) => expect(isUrl(text)).toBe(false))
})

/** 60 kB take milliseconds in a line, and many seconds when the time grows with the square: the url of ajv-formats took 6.5 s. */
test.each(Object.keys(ajv.formats))('format %s takes no time that grows with the square of a text', (format) => {
  const isValid = check({ type: ['string', 'number'], format })
  const units = [
    ':',
    '/',
    'a',
    'a.',
    'a-',
    '@',
    'a@',
    '1:',
    '1.',
    '%41',
    '~0',
    '/~0',
    '{a}',
    '{a,',
    'AAAA',
    '0',
    'a:b@',
    ' ',
  ]
  const starts = ['', 'http://', 'http://a@', 'a@', 'a:', '/', '{', 'P', '//[']
  const from = performance.now()
  for (const start of starts)
    for (const unit of units)
      for (const end of ['', '!', '@', ' ']) isValid(start + unit.repeat(60_000 / unit.length) + end)
  expect(performance.now() - from).toBeLessThan(10_000)
})

describe('uniqueItems', () => {
  const areUnique = check({ uniqueItems: true })

  test.each<[unknown, boolean]>([
    [[], true],
    [[1, '1', true, null, [1], { a: 1 }], true],
    [[1, 1.0], false],
    [
      [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ],
      false,
    ],
    [[[1], [1]], false],
    [['a', 'a'], false],
    ['aa', true],
  ])('%j: %s', (value, unique) => {
    expect(areUnique(value)).toBe(unique)
    if (!unique) expect(areUnique.errors).toMatchObject([{ keyword: 'uniqueItems', instancePath: '' }])
  })

  test('of 50,000 items takes no time that grows with their square', () => {
    const from = performance.now()
    expect(areUnique(Array.from({ length: 50_000 }, (_, n) => ({ n })))).toBe(true)
    expect(performance.now() - from).toBeLessThan(2000)
  })
})
