import { type EntityTag, parseEntityTag } from '../../lib/http/entity-tag'
import { formatHttpDate, parseHttpDate } from '../../lib/http/http-date'
import {
  type ConditionFields,
  type Evaluation,
  type EvaluationOptions,
  evaluatePreconditions,
  type Preconditions,
  parsePreconditions,
  type Validators,
} from '../../lib/http/preconditions'

const NOW = Date.UTC(2026, 10, 22, 12, 0, 0)
const MODIFIED = Date.UTC(2026, 10, 20, 8, 30, 0)
const SAME = formatHttpDate(MODIFIED)
const EARLIER = formatHttpDate(MODIFIED - 1000)
const LATER = formatHttpDate(MODIFIED + 1000)

const READ = { safe: true, tagSuffixes: [], acceptWeakForms: false }
const WRITE = { safe: false, tagSuffixes: [], acceptWeakForms: false }

const PROCEED: Evaluation = { outcome: 'proceed' }
const NOT_MODIFIED: Evaluation = { outcome: 'not-modified' }
const MATCH_FAILED: Evaluation = { outcome: 'failed', field: 'If-Match' }
const NONE_MATCH_FAILED: Evaluation = { outcome: 'failed', field: 'If-None-Match' }
const UNMODIFIED_FAILED: Evaluation = { outcome: 'failed', field: 'If-Unmodified-Since' }

const tags = (...texts: string[]) => texts.map((text) => parseEntityTag(text) as EntityTag)
const current = (...texts: string[]): Validators => ({ tags: tags(...texts), lastModified: MODIFIED })

function preconditionsOf(fields: ConditionFields, safe: boolean): Preconditions {
  const parsed = parsePreconditions(fields, { safe, now: NOW })
  if (parsed.outcome === 'malformed') throw new Error(`malformed ${parsed.field}`)
  return parsed.preconditions
}

function verdict(fields: ConditionFields, state: Validators | undefined, options: EvaluationOptions): Evaluation {
  return evaluatePreconditions(preconditionsOf(fields, options.safe), state, options)
}

describe('reading the fields', () => {
  test.each([true, false])('no field, no condition (safe: %s)', (safe) => {
    expect(parsePreconditions({}, { safe, now: NOW })).toEqual({ outcome: 'parsed', preconditions: {} })
  })

  test('all four are read for a GET, as far as they go together', () => {
    expect(preconditionsOf({ ifMatch: '"a", W/"b"', ifUnmodifiedSince: [LATER], ifNoneMatch: '*' }, true)).toEqual({
      ifMatch: tags('"a"', 'W/"b"'),
      ifUnmodifiedSince: MODIFIED + 1000,
      ifNoneMatch: '*',
    })
    expect(preconditionsOf({ ifModifiedSince: [EARLIER] }, true)).toEqual({ ifModifiedSince: MODIFIED - 1000 })
  })

  test.each([true, false])('a malformed If-Match is malformed always (safe: %s)', (safe) => {
    for (const ifMatch of ['a', '"a', '*, "a"', 'w/"a"']) {
      expect(parsePreconditions({ ifMatch }, { safe, now: NOW })).toEqual({ outcome: 'malformed', field: 'If-Match' })
    }
  })

  test('a malformed If-None-Match is malformed on an unsafe method and ignored on a safe one', () => {
    for (const ifNoneMatch of ['a', '"a', '*, "a"', 'w/"a"']) {
      expect(parsePreconditions({ ifNoneMatch }, { safe: false, now: NOW })).toEqual({
        outcome: 'malformed',
        field: 'If-None-Match',
      })
      expect(preconditionsOf({ ifNoneMatch }, true)).toEqual({})
    }
  })

  test('If-Match is looked at first', () => {
    expect(parsePreconditions({ ifMatch: 'a', ifNoneMatch: 'b' }, { safe: false, now: NOW })).toMatchObject({
      field: 'If-Match',
    })
  })

  test('If-Modified-Since is ignored on an unsafe method (RFC 9110 §13.1.3)', () => {
    expect(preconditionsOf({ ifModifiedSince: [SAME] }, false)).toEqual({})
  })

  test.each(['"a"', 'malformed'])('If-Modified-Since is ignored beside If-None-Match: %s', (ifNoneMatch) => {
    expect(preconditionsOf({ ifNoneMatch, ifModifiedSince: [SAME] }, true).ifModifiedSince).toBeUndefined()
  })

  test.each([
    ['no line', []],
    ['two lines', [SAME, SAME]],
    ['two lines, one of which is no date', ['0', SAME]],
    ['a list in one line', [`${SAME}, ${SAME}`]],
    ['no date', ['yesterday']],
    ['30 February', ['Mon, 30 Feb 2026 00:00:00 GMT']],
    ['nothing', ['']],
  ])('a date field with %s is ignored (§13.1.3, §13.1.4)', (_name, lines) => {
    expect(preconditionsOf({ ifModifiedSince: lines, ifUnmodifiedSince: lines }, true)).toEqual({})
  })

  test('the century of a short year is settled by `now`', () => {
    const line = 'Friday, 01-Jan-49 00:00:00 GMT'
    const now = Date.UTC(2099, 5, 1)
    const parsed = parsePreconditions({ ifUnmodifiedSince: [line] }, { safe: false, now })
    expect(parsed).toMatchObject({ preconditions: { ifUnmodifiedSince: parseHttpDate(line, now) } })
    expect(parsed).not.toMatchObject({ preconditions: { ifUnmodifiedSince: parseHttpDate(line, NOW) } })
  })
})

describe('step 1: If-Match', () => {
  // Strong comparison: the table of RFC 9110 §8.8.3.2.
  test.each([
    ['"a"', ['"a"'], PROCEED],
    ['"a"', ['"b"'], MATCH_FAILED],
    ['"A"', ['"a"'], MATCH_FAILED],
    ['W/"a"', ['W/"a"'], MATCH_FAILED],
    ['"a"', ['W/"a"'], MATCH_FAILED],
    ['W/"b"', ['"a"'], MATCH_FAILED],
    ['"b", "a"', ['"a"'], PROCEED],
    ['"b", W/"c"', ['"a"'], MATCH_FAILED],
    ['"x,a"', ['"a"'], MATCH_FAILED],
    ['"x,a"', ['"x,a"'], PROCEED],
    ['"*"', ['"a"'], MATCH_FAILED],
    ['"*"', ['"*"'], PROCEED],
    ['""', ['""'], PROCEED],
    ['*', ['"a"'], PROCEED],
    ['*', ['W/"a"'], PROCEED],
    ['*', [], PROCEED],
    ['"a"', [], MATCH_FAILED],
    // Each of several current tags counts.
    ['"b"', ['"a"', '"b"'], PROCEED],
    ['"c"', ['"a"', '"b"'], MATCH_FAILED],
  ])('If-Match: %s, current %j', (ifMatch, texts, expected) => {
    expect(verdict({ ifMatch }, current(...texts), WRITE)).toMatchObject(expected)
    expect(verdict({ ifMatch }, current(...texts), READ)).toMatchObject(expected)
  })

  test.each(['*', '"a"', 'W/"a"'])('If-Match: %s is false when nothing is there', (ifMatch) => {
    expect(verdict({ ifMatch }, undefined, WRITE)).toEqual(MATCH_FAILED)
    expect(verdict({ ifMatch }, undefined, READ)).toEqual(MATCH_FAILED)
    expect(verdict({ ifMatch }, undefined, { ...WRITE, acceptWeakForms: true, tagSuffixes: ['-gzip'] })).toEqual(
      MATCH_FAILED,
    )
  })
})

describe('the form that a proxy gave to the current tag', () => {
  const suffixes = ['-gzip', ';gzip']
  const gzip = { ...WRITE, tagSuffixes: suffixes }

  test.each([
    ['W/"a"', ['"a"'], 'weak'],
    ['W/"a"', ['W/"a"'], 'weak'],
    ['W/"b"', ['"a"', '"b"'], 'weak'],
    ['"z", W/"a"', ['"a"'], 'weak'],
    ['"a-gzip"', ['"a"'], 'suffixed'],
    ['W/"a-gzip"', ['"a"'], 'suffixed'],
    ['"a;gzip"', ['"a"'], 'suffixed'],
    ['"a;gzip"', ['W/"a"'], 'suffixed'],
    ['"z", "b-gzip"', ['"a"', '"b"'], 'suffixed'],
    ['"-gzip"', ['""'], 'suffixed'],
    ['W/"z"', ['"a"'], undefined],
    ['"z-gzip"', ['"a"'], undefined],
    ['"a-br"', ['"a"'], undefined],
    ['"a-gzipx"', ['"a"'], undefined],
    // As long as a suffix, and none.
    ['"a12345"', ['"a"'], undefined],
    ['"-gzipa"', ['"a"'], undefined],
    ['"a-gzip-gzip"', ['"a"'], undefined],
    ['"gzip"', ['"a"'], undefined],
    ['"a"', ['"a-gzip"'], undefined],
    // The strong form of a weak tag: no proxy makes one.
    ['"a"', ['W/"a"'], undefined],
    ['W/"a"', [], undefined],
  ])('If-Match: %s fails against %j; form: %s', (ifMatch, texts, form) => {
    expect(verdict({ ifMatch }, current(...texts), gzip)).toEqual({ ...MATCH_FAILED, form })
  })

  test('without suffixes in the options there is no suffixed form', () => {
    expect(verdict({ ifMatch: '"a-gzip"' }, current('"a"'), WRITE)).toEqual(MATCH_FAILED)
  })

  test.each([
    ['W/"a"', ['"a"']],
    ['W/"a"', ['W/"a"']],
    ['"a-gzip"', ['"a"']],
    ['W/"a;gzip"', ['"a"']],
    ['"z", W/"b"', ['"a"', '"b"']],
  ])('accepted by option, If-Match: %s holds against %j', (ifMatch, texts) => {
    expect(verdict({ ifMatch }, current(...texts), { ...gzip, acceptWeakForms: true })).toEqual(PROCEED)
  })

  test.each([
    ['W/"z"', ['"a"']],
    ['"z-gzip"', ['"a"']],
    ['"a"', ['W/"a"']],
  ])('accepted by option, If-Match: %s still fails against %j', (ifMatch, texts) => {
    expect(verdict({ ifMatch }, current(...texts), { ...gzip, acceptWeakForms: true })).toEqual(MATCH_FAILED)
  })

  test('a suffixed tag names the current one in If-None-Match too, by the same option', () => {
    const accepting = { ...gzip, acceptWeakForms: true }
    expect(verdict({ ifNoneMatch: '"a-gzip"' }, current('"a"'), { ...accepting, safe: true })).toEqual(NOT_MODIFIED)
    expect(verdict({ ifNoneMatch: '"a-gzip"' }, current('"a"'), accepting)).toEqual(NONE_MATCH_FAILED)
    expect(verdict({ ifNoneMatch: '"z-gzip"' }, current('"a"'), accepting)).toEqual(PROCEED)
    expect(verdict({ ifNoneMatch: '"a-gzip"' }, current('"a"'), gzip)).toEqual(PROCEED)
  })
})

describe('secret tags', () => {
  test('every comparison goes through sameOpaque', () => {
    const sameOpaque = jest.fn((a: string, b: string) => a.toLowerCase() === b.toLowerCase())
    const state = { ...current('"a"'), sameOpaque }
    const gzip = { ...WRITE, tagSuffixes: ['-gzip'] }
    expect(verdict({ ifMatch: '"A"' }, state, gzip)).toEqual(PROCEED)
    expect(verdict({ ifMatch: '"B"' }, state, gzip)).toEqual(MATCH_FAILED)
    expect(verdict({ ifNoneMatch: 'W/"A"' }, state, gzip)).toEqual(NONE_MATCH_FAILED)
    expect(verdict({ ifMatch: 'W/"A"' }, state, gzip)).toEqual({ ...MATCH_FAILED, form: 'weak' })
    expect(verdict({ ifMatch: '"A-gzip"' }, state, gzip)).toEqual({ ...MATCH_FAILED, form: 'suffixed' })
    expect(sameOpaque).toHaveBeenCalledWith('A', 'a')
  })
})

describe('step 2: If-Unmodified-Since', () => {
  test.each([
    [EARLIER, UNMODIFIED_FAILED],
    [SAME, PROCEED],
    [LATER, PROCEED],
  ])('If-Unmodified-Since: %s', (line, expected) => {
    expect(verdict({ ifUnmodifiedSince: [line] }, current('"a"'), WRITE)).toEqual(expected)
    expect(verdict({ ifUnmodifiedSince: [line] }, current('"a"'), READ)).toEqual(expected)
  })

  test('the modification date counts in whole seconds', () => {
    const state = { ...current('"a"'), lastModified: MODIFIED + 998 }
    expect(verdict({ ifUnmodifiedSince: [SAME] }, state, WRITE)).toEqual(PROCEED)
    expect(verdict({ ifUnmodifiedSince: [EARLIER] }, state, WRITE)).toEqual(UNMODIFIED_FAILED)
  })

  test('it is false for a date whose second several states share', () => {
    const state = { ...current('"a"'), lastModified: MODIFIED + 999 }
    expect(verdict({ ifUnmodifiedSince: [SAME] }, state, WRITE)).toEqual(UNMODIFIED_FAILED)
  })

  test.each<[string, number, Evaluation]>([
    ['is still running', MODIFIED + 999, UNMODIFIED_FAILED],
    ['has not begun by this clock', MODIFIED - 1, UNMODIFIED_FAILED],
    ['is over', MODIFIED + 1000, PROCEED],
  ])('the second of the modification date %s', (_, now, expected) => {
    expect(verdict({ ifUnmodifiedSince: [SAME] }, current('"a"'), { ...WRITE, now })).toEqual(expected)
    // A later date was not made from this state, so nothing can be mistaken for it.
    expect(verdict({ ifUnmodifiedSince: [LATER] }, current('"a"'), { ...WRITE, now })).toEqual(PROCEED)
  })

  test('it is false when nothing is there', () => {
    expect(verdict({ ifUnmodifiedSince: [LATER] }, undefined, WRITE)).toEqual(UNMODIFIED_FAILED)
  })

  test('it is ignored when what is there has no modification date', () => {
    expect(verdict({ ifUnmodifiedSince: [EARLIER] }, { tags: tags('"a"') }, WRITE)).toEqual(PROCEED)
    expect(verdict({ ifUnmodifiedSince: [EARLIER] }, { tags: [] }, { ...WRITE, dateCounts: false })).toEqual(PROCEED)
  })

  test('a modification date that is none fails it', () => {
    const state = { ...current('"a"'), lastModified: Number.NaN }
    expect(verdict({ ifUnmodifiedSince: [LATER] }, state, WRITE)).toEqual(UNMODIFIED_FAILED)
  })

  test('it is not looked at beside If-Match, true or false', () => {
    expect(verdict({ ifMatch: '"a"', ifUnmodifiedSince: [EARLIER] }, current('"a"'), WRITE)).toEqual(PROCEED)
    expect(verdict({ ifMatch: '"b"', ifUnmodifiedSince: [LATER] }, current('"a"'), WRITE)).toEqual(MATCH_FAILED)
    expect(verdict({ ifMatch: '*', ifUnmodifiedSince: [EARLIER] }, current('"a"'), WRITE)).toEqual(PROCEED)
  })

  test('after a lost swap a date alone counts as false', () => {
    const lost = { ...WRITE, dateCounts: false }
    expect(verdict({ ifUnmodifiedSince: [LATER] }, current('"a"'), lost)).toEqual(UNMODIFIED_FAILED)
    expect(verdict({ ifUnmodifiedSince: [LATER] }, current('"a"'), { ...lost, dateCounts: true })).toEqual(PROCEED)
    expect(verdict({ ifMatch: '*', ifUnmodifiedSince: [LATER] }, current('"a"'), lost)).toEqual(PROCEED)
    expect(verdict({}, current('"a"'), lost)).toEqual(PROCEED)
  })

  test.each([['0'], [SAME, EARLIER]])('If-Unmodified-Since: %j, which is not one date, is ignored', (...lines) => {
    expect(verdict({ ifUnmodifiedSince: lines }, current('"a"'), WRITE)).toEqual(PROCEED)
  })
})

describe('step 3: If-None-Match', () => {
  // Weak comparison: the table of RFC 9110 §8.8.3.2.
  test.each([
    ['"a"', ['"a"'], true],
    ['W/"a"', ['"a"'], true],
    ['"a"', ['W/"a"'], true],
    ['W/"a"', ['W/"a"'], true],
    ['"b"', ['"a"'], false],
    ['W/"b"', ['W/"a"'], false],
    ['"b", W/"a"', ['"a"'], true],
    ['"b", "c"', ['"a"'], false],
    ['"x,a"', ['"a"'], false],
    ['"*"', ['"a"'], false],
    ['*', ['"a"'], true],
    ['*', [], true],
    ['"b"', ['"a"', '"b"'], true],
    ['"a"', [], false],
  ])('If-None-Match: %s, current %j: known to the client: %s', (ifNoneMatch, texts, known) => {
    expect(verdict({ ifNoneMatch }, current(...texts), READ)).toEqual(known ? NOT_MODIFIED : PROCEED)
    expect(verdict({ ifNoneMatch }, current(...texts), WRITE)).toEqual(known ? NONE_MATCH_FAILED : PROCEED)
  })

  test.each(['*', '"a"'])('If-None-Match: %s holds when nothing is there', (ifNoneMatch) => {
    expect(verdict({ ifNoneMatch }, undefined, WRITE)).toEqual(PROCEED)
    expect(verdict({ ifNoneMatch }, undefined, READ)).toEqual(PROCEED)
  })
})

describe('step 4: If-Modified-Since', () => {
  test.each([
    [EARLIER, PROCEED],
    [SAME, NOT_MODIFIED],
    [LATER, NOT_MODIFIED],
  ])('If-Modified-Since: %s', (line, expected) => {
    expect(verdict({ ifModifiedSince: [line] }, current('"a"'), READ)).toEqual(expected)
  })

  test('the modification date counts in whole seconds', () => {
    const state = { ...current('"a"'), lastModified: MODIFIED + 998 }
    expect(verdict({ ifModifiedSince: [SAME] }, state, READ)).toEqual(NOT_MODIFIED)
    expect(verdict({ ifModifiedSince: [EARLIER] }, state, READ)).toEqual(PROCEED)
  })

  test.each([
    ['nothing is there', undefined],
    ['what is there has no modification date', { tags: tags('"a"') }],
    ['the modification date is none', { tags: tags('"a"'), lastModified: Number.NaN }],
  ])('it stops nothing when %s', (_name, state) => {
    expect(verdict({ ifModifiedSince: [LATER] }, state, READ)).toEqual(PROCEED)
  })

  test('a date whose second several states share is never up to date', () => {
    const state = { ...current('"a"'), lastModified: MODIFIED + 999 }
    expect(verdict({ ifModifiedSince: [SAME] }, state, READ)).toEqual(PROCEED)
  })

  test('it means nothing to an unsafe method', () => {
    expect(evaluatePreconditions({ ifModifiedSince: MODIFIED }, current('"a"'), WRITE)).toEqual(PROCEED)
    expect(evaluatePreconditions({ ifModifiedSince: MODIFIED }, current('"a"'), READ)).toEqual(NOT_MODIFIED)
  })

  test('it is not looked at beside If-None-Match', () => {
    const both = { ifNoneMatch: tags('"b"'), ifModifiedSince: MODIFIED }
    expect(evaluatePreconditions(both, current('"a"'), READ)).toEqual(PROCEED)
  })
})

// Webmachine's paths through its diagram (G11, H12, I12, J18, K13, L17), with RFC 9110 §13.2.2 for the order.
describe('the order', () => {
  test.each([
    ['no condition', {}, PROCEED, PROCEED],
    ['1 true', { ifMatch: '"a"' }, PROCEED, PROCEED],
    ['1 true, 3 true', { ifMatch: '"a"', ifNoneMatch: '"b"' }, PROCEED, PROCEED],
    ['1 true, 3 false', { ifMatch: '"a"', ifNoneMatch: '"a"' }, NOT_MODIFIED, NONE_MATCH_FAILED],
    ['1 false, 3 true', { ifMatch: '"b"', ifNoneMatch: '"b"' }, MATCH_FAILED, MATCH_FAILED],
    ['1 false, 3 false', { ifMatch: '"b"', ifNoneMatch: '"a"' }, MATCH_FAILED, MATCH_FAILED],
    ['1 true, 4 false', { ifMatch: '"a"', ifModifiedSince: [SAME] }, NOT_MODIFIED, PROCEED],
    ['1 false, 4 false', { ifMatch: '"b"', ifModifiedSince: [SAME] }, MATCH_FAILED, MATCH_FAILED],
    ['2 true, 3 true', { ifUnmodifiedSince: [SAME], ifNoneMatch: '"b"' }, PROCEED, PROCEED],
    ['2 true, 3 false', { ifUnmodifiedSince: [SAME], ifNoneMatch: '*' }, NOT_MODIFIED, NONE_MATCH_FAILED],
    ['2 false, 3 false', { ifUnmodifiedSince: [EARLIER], ifNoneMatch: '*' }, UNMODIFIED_FAILED, UNMODIFIED_FAILED],
    ['2 true, 4 false', { ifUnmodifiedSince: [SAME], ifModifiedSince: [SAME] }, NOT_MODIFIED, PROCEED],
    ['2 true, 4 true', { ifUnmodifiedSince: [SAME], ifModifiedSince: [EARLIER] }, PROCEED, PROCEED],
    [
      '2 false, 4 false',
      { ifUnmodifiedSince: [EARLIER], ifModifiedSince: [SAME] },
      UNMODIFIED_FAILED,
      UNMODIFIED_FAILED,
    ],
    ['3 true, 4 false', { ifNoneMatch: '"b"', ifModifiedSince: [SAME] }, PROCEED, PROCEED],
    ['3 false, 4 true', { ifNoneMatch: '"a"', ifModifiedSince: [EARLIER] }, NOT_MODIFIED, NONE_MATCH_FAILED],
    [
      'all, all true',
      { ifMatch: '*', ifUnmodifiedSince: [LATER], ifNoneMatch: '"b"', ifModifiedSince: [EARLIER] },
      PROCEED,
      PROCEED,
    ],
  ])('%s', (_name, fields, reading, writing) => {
    expect(verdict(fields, current('"a"'), READ)).toEqual(reading)
    expect(verdict(fields, current('"a"'), WRITE)).toEqual(writing)
  })

  test('a malformed If-None-Match on a GET leaves the other conditions as they are', () => {
    expect(verdict({ ifNoneMatch: 'a', ifModifiedSince: [SAME] }, current('"a"'), READ)).toEqual(PROCEED)
    expect(verdict({ ifNoneMatch: 'a', ifMatch: '"b"' }, current('"a"'), READ)).toEqual(MATCH_FAILED)
  })

  test('nothing passed in is changed', () => {
    const given = Object.freeze({ ifMatch: Object.freeze(tags('"b"')) })
    const state = Object.freeze({ tags: Object.freeze(tags('"a"')) })
    expect(evaluatePreconditions(given, state, Object.freeze({ ...WRITE }))).toEqual(MATCH_FAILED)
  })
})
