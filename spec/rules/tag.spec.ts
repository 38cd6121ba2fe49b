import { createHmac } from 'node:crypto'
import createEtag from 'etag'
import fc from 'fast-check'
import type { ResourceState } from '../../lib/contracts/adapter'
import { formatEntityTag } from '../../lib/http/entity-tag'
import { canonicalJson } from '../../lib/json/equal'
import { contentHash, signature, type TagSource, versionTag } from '../../lib/rules/tag'

const source = (more: Partial<ResourceState<unknown>> = {}, name = 'article', key = '1'): TagSource => {
  const state = { value: { a: 1 }, version: 'v1', ...more }
  return { name, key, state, representation: () => state.value }
}

const tags = (scheme: { tagsFor(source: TagSource): readonly object[] }, given: TagSource) =>
  scheme.tagsFor(given).map((tag) => formatEntityTag(tag as Parameters<typeof formatEntityTag>[0]))

describe('versionTag', () => {
  test('shows the version, encoded where a tag cannot hold it', () => {
    expect(tags(versionTag, source({ version: 'v1' }))).toEqual(['"v1"'])
    expect(tags(versionTag, source({ version: 'a "b"\r\n' }))).toEqual(['"a%20%22b%22%0D%0A"'])
    expect(tags(versionTag, source({ version: '' }))).toEqual(['""'])
  })

  test("shows the store's own tag where it has one", () => {
    expect(tags(versionTag, source({ etag: '"own,tag"' }))).toEqual(['"own,tag"'])
    expect(tags(versionTag, source({ etag: 'W/"own"' }))).toEqual(['W/"own"'])
  })

  test.each([['own'], [''], ['"own'], ['"a" '], ['"a", "b"'], ['w/"a"'], ['"a\r\nSet-Cookie: x"'], ['"\u0141"']])(
    'an etag of the store that is none is a mistake of the adapter: %j',
    (etag) => {
      expect(() => versionTag.tagsFor(source({ etag }))).toThrow(
        new TypeError(
          `The adapter gave ${JSON.stringify(etag)} as etag, which is no entity tag: put it in double quotes.`,
        ),
      )
    },
  )

  test('compares as everything does', () => {
    expect(versionTag.sameOpaque).toBeUndefined()
  })
})

describe('contentHash', () => {
  test('is the etag package over canonical JSON, and strong', () => {
    const value = { b: [1, { d: null, c: 'é' }], a: 1 }
    expect(tags(contentHash(), source({ value }))).toEqual([createEtag(canonicalJson(value))])
    expect(tags(contentHash(), source({ value }))[0]).toMatch(/^"[^"]+"$/)
  })

  test('is the same for the same content, by any author and in any order', () => {
    const [one] = tags(contentHash(), source({ value: { a: 1, b: 2 }, version: '1' }))
    expect(tags(contentHash(), source({ value: { b: 2, a: 1 }, version: '2', etag: '"own"' }))).toEqual([one])
    expect(tags(contentHash(), source({ value: { b: 2, a: '1' } }))).not.toEqual([one])
  })

  test('is made from what clients see', () => {
    const seen = { ...source(), representation: () => ({ shown: true }) }
    expect(tags(contentHash(), seen)).toEqual([createEtag('{"shown":true}')])
  })
})

describe('signature', () => {
  const secret = 'a secret of at least 32 bytes, 34!'
  const scheme = signature({ secret })

  test('is HMAC-SHA-256 over name, key and version', () => {
    const digest = createHmac('sha256', secret).update('["article","1","v1"]').digest('base64url')
    expect(tags(scheme, source())).toEqual([`"${digest}"`])
    expect(digest).toHaveLength(43)
  })

  test('changes with each of them and with the secret, and with nothing else', () => {
    const all = [source(), source({ version: 'v2' }), source({}, 'comment'), source({}, 'article', '2')].flatMap(
      (given) => tags(scheme, given),
    )
    expect(new Set([...all, ...tags(signature({ secret: `${secret}!` }), source())]).size).toBe(5)
    expect(tags(scheme, source({ value: 2, etag: '"own"' }))).toEqual(tags(scheme, source()))
  })

  test.each<[TagSource, TagSource]>([
    [source({ version: 'v1' }, 'a', 'b'), source({ version: 'v1' }, 'ab', '')],
    [source({ version: '2' }, 'a', '1'), source({ version: '12' }, 'a', '')],
    [source({ version: '2' }, 'a', '1","2'), source({ version: '2","2' }, 'a', '1')],
    [source({ version: '\ud800' }), source({ version: '\ufffd' })],
    [source({ version: '\ud800' }), source({ version: '\\ud800' })],
  ])('no choice of the three makes the text of another: %#', (one, other) => {
    expect(tags(scheme, one)).not.toEqual(tags(scheme, other))
  })

  test('no two choices of the three share a tag', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '"', ',', '\\', '[', '\u0000') })
    fc.assert(
      fc.property(fc.tuple(text, text, text), fc.tuple(text, text, text), (one, other) => {
        const [a, b] = [one, other].map(([name, key, version]) => tags(scheme, source({ version }, name, key)))
        return JSON.stringify(one) === JSON.stringify(other) || a?.[0] !== b?.[0]
      }),
      { seed: 9110 },
    )
  })

  describe('while a secret is changed', () => {
    const next = Buffer.from('the secret that comes after it, 34')
    const both = signature({ secret: next, previousSecrets: [secret] })

    test('the tag of the new one is shown and the old one is current too', () => {
      expect(tags(both, source())).toEqual([...tags(signature({ secret: next }), source()), ...tags(scheme, source())])
    })

    test('the old tag of another version is not current', () => {
      expect(tags(both, source({ version: 'v2' }))).not.toContain(tags(scheme, source())[0])
    })

    test('a secret as text and as its bytes is the same', () => {
      expect(tags(signature({ secret: Buffer.from(secret) }), source())).toEqual(tags(scheme, source()))
    })
  })

  describe('compares in constant time', () => {
    const same = (a: string, b: string) => scheme.sameOpaque?.(a, b)

    test.each([
      ['', '', true],
      ['abc', 'abc', true],
      ['abc', 'abd', false],
      ['abc', 'ab', false],
      ['ab', 'abc', false],
      ['', 'a', false],
      ['é', 'é', true],
      // The same bytes in latin1, and the same length.
      ['A', '\u0141', false],
      ['\u0100', '\u0200', false],
    ])('%j and %j: %s', (a, b, result) => {
      expect(same(a, b)).toBe(result)
    })

    test('a tag in which one bit is flipped is another', () => {
      const [opaque = ''] = scheme.tagsFor(source()).map((tag) => tag.opaque)
      for (let at = 0; at < opaque.length; at++) {
        const flipped = opaque.slice(0, at) + String.fromCharCode(opaque.charCodeAt(at) ^ 1) + opaque.slice(at + 1)
        expect(same(opaque, flipped)).toBe(false)
      }
      expect(same(opaque, opaque)).toBe(true)
    })
  })

  test.each<[string, unknown, number]>([
    ['', '', 0],
    ['31 bytes', 'x'.repeat(31), 31],
    ['31 bytes in a Buffer', Buffer.alloc(31), 31],
    ['a number', 12345678901234567890123456789012n, 0],
  ])('a secret that can be guessed is refused at once: %s', (_name, given, bytes) => {
    const message = `signature(): a secret of ${bytes} bytes can be guessed; give at least 32 bytes.`
    expect(() => signature({ secret: given as string })).toThrow(new TypeError(message))
    expect(() => signature({ secret, previousSecrets: [given as string] })).toThrow(new TypeError(message))
  })

  test('32 bytes are enough, and bytes are counted, not letters', () => {
    expect(() => signature({ secret: 'x'.repeat(32) })).not.toThrow()
    expect(() => signature({ secret: 'é'.repeat(16) })).not.toThrow()
  })
})

test('a misspelt option of signature would lose the old secrets: it is refused', () => {
  const secret = 's'.repeat(32)
  expect(() => signature({ secret, previous: [secret] } as never)).toThrow('there is no option "previous"')
})
