import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import type { Marks } from '../../lib/json/marks'
import { quietAjv } from '../../lib/schema/ajv'
import { annotationsIn, holdsIn } from '../../lib/schema/annotations'

const engineOf = (schema: unknown) => {
  const ajv = quietAjv(schema, undefined, { validateFormats: false })
  return {
    assertionsOf: (part: object) => ajv.compile(part),
    patternOf: (pattern: string) => new RegExp(pattern, 'u'),
  }
}

const NAMES = ['a', 'b', 'c']
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, 0, 1, 2, 'a', 'bb'),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...NAMES), tie('value'), { maxKeys: 3 }),
  ),
})).value

const schemas = fc.letrec((tie) => {
  const schema = tie('schema')
  const named = fc.dictionary(fc.constantFrom(...NAMES), schema, { maxKeys: 2 })
  const list = fc.array(schema, { minLength: 1, maxLength: 2 })
  // Ajv 8.20 takes [] for valid under prefixItems beside contains.
  const keywords = fc.record(
    {
      type: fc.constantFrom('object', 'array', ['object', 'string', 'array', 'number']),
      properties: named,
      required: fc.subarray(NAMES, { maxLength: 1 }),
      additionalProperties: schema,
      patternProperties: fc.dictionary(fc.constantFrom('^a', 'b|c'), schema, { maxKeys: 1 }),
      propertyNames: fc.constantFrom({ maxLength: 1 }, { enum: ['a', 'b'] }),
      prefixItems: list,
      items: schema,
      // Ajv 8.20 takes [[]] for valid under { contains: false } beside unevaluatedItems.
      contains: schema.filter((each) => typeof each === 'object'),
      allOf: list,
      anyOf: list,
      oneOf: list,
      not: schema,
      if: schema,
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: schema,
      else: schema,
      dependentSchemas: named,
      unevaluatedProperties: schema,
      unevaluatedItems: schema,
    },
    { requiredKeys: [] },
  )
  return {
    schema: fc.oneof(
      { depthSize: 'small' },
      fc.boolean(),
      fc.constantFrom(
        { type: 'object' },
        { type: 'array' },
        { type: 'string' },
        { const: 1 },
        { minimum: 1 },
        { minLength: 2 },
        { minProperties: 1 },
        { maxItems: 1 },
        { $ref: '#/$defs/it' },
        { uniqueItems: true },
      ),
      keywords.map(({ prefixItems, ...rest }) => (prefixItems && !rest.contains ? { ...rest, prefixItems } : rest)),
    ),
  }
}).schema

test('what decides about annotations judges as Ajv does', () => {
  fc.assert(
    fc.property(schemas, fc.array(json, { minLength: 1, maxLength: 5 }), (schema, values) => {
      const whole = {
        $defs: { it: { type: ['object', 'number'], properties: { a: { $ref: '#/$defs/it' } } } },
        allOf: [schema],
      }
      const validate = quietAjv(whole, undefined).compile(whole)
      const holds = holdsIn(whole, new Map(), engineOf(whole))
      for (const value of values) expect([value, holds(value)]).toEqual([value, validate(value)])
    }),
    { numRuns: 30, seed: Number(process.env.ANNOTATIONS_SEED ?? 20_261_128) },
  )
})

/** Pointers to what is marked. */
function pointers(marks: Marks | undefined, at = ''): string[] {
  if (marks?.marked) return [at]
  const names = marks?.every ? [...Array(20).keys()].map(String) : (marks?.names ?? [])
  return names.flatMap((name) => pointers(marks?.below(name), `${at}/${name}`))
}

const deep = (depth: number): object => (depth === 0 ? {} : { a: deep(depth - 1), id: 1 })

test('two branches that refer to the schema itself are each looked at once for each value', () => {
  const branch = { properties: { a: { $ref: '#' } } }
  const schema = {
    properties: { id: { readOnly: true } },
    anyOf: [branch, { ...branch }],
    oneOf: [{ ...branch }, false],
  }
  const found = annotationsIn(schema, new Map(), engineOf(schema))?.of('readOnly')?.(deep(100))
  expect(pointers(found)).toHaveLength(100)
})

test('items and members of one shape are told apart', () => {
  const readOnly = { readOnly: true }
  const within = (name: string) => ({ properties: { in: { properties: { [name]: readOnly } } } })
  const schema = {
    properties: { a: within('x'), b: within('y'), c: { items: readOnly }, d: { properties: { 0: readOnly } } },
  }
  const value = { a: { in: { x: 1 } }, b: { in: { y: 1 } }, c: [1], d: { 0: 1 } }
  const found = annotationsIn(schema, new Map(), engineOf(schema))?.of('readOnly')?.(value)
  expect(pointers(found)).toEqual(['/a/in/x', '/b/in/y', '/c/0', '/d/0'])
  expect([found?.below('c')?.every !== undefined, found?.below('d')?.every]).toEqual([true, undefined])
})

test.each([
  [{ maxContains: 1 }, [1], true],
  [{ maxContains: 1 }, [1, 1], false],
  [{ minContains: 2 }, [1], false],
  [{ minContains: 2 }, [1, 1], true],
  [{ minContains: 0 }, [], true],
  [{}, [], false],
])('contains with %j of %j: %s', (bounds, value, holds) => {
  const schema = { contains: { const: 1 }, ...bounds }
  expect(holdsIn(schema, new Map(), engineOf(schema))(value)).toBe(holds)
})

test('a reference to nowhere is told when the app starts', () => {
  const schema = { properties: { a: { readOnly: true }, b: { $ref: '#/$defs/none' } } }
  expect(() => annotationsIn(schema, new Map(), engineOf(schema))).toThrow('refers to "#/$defs/none"')
})

/** A checkout of https://github.com/json-schema-org/JSON-Schema-Test-Suite. Its data is not part of this repository. */
const SUITE = process.env.JSON_SCHEMA_TEST_SUITE ?? ''

const read = (path: string) => JSON.parse(readFileSync(path, 'utf8'))

function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true })
  return entries.filter((each) => each.name.endsWith('.json')).map((each) => join(each.parentPath, each.name))
}

/** Where Ajv, which judges the assertions, departs from the suite: it wants an enum to have values, and knows its own vocabularies. */
const BY_AJV = /^(empty enum|schema that uses custom metaschema with with no validation vocabulary)/
/** Ajv looks at what stands beside `$ref` in draft-07, too. */
const BESIDE_REF = /^(ref overrides any sibling keywords|\$ref prevents a sibling \$id from changing the base uri)/

describe(
  SUITE === '' ? 'the JSON Schema Test Suite (JSON_SCHEMA_TEST_SUITE names no checkout)' : 'the JSON Schema Test Suite',
  () => {
    const known = () => {
      const schemas = filesBelow(join(SUITE, 'remotes')).map(
        (path) => [`http://localhost:1234/${path.slice(join(SUITE, 'remotes').length + 1)}`, read(path)] as const,
      )
      const metas = ['ajv', 'ajv/dist/2019', 'ajv/dist/2020'].flatMap((name) => {
        const { schemas, refs } = new (require(name).default)()
        return Object.entries({ ...schemas, ...refs }).map(([key, it]) => [key, Object(it).schema] as const)
      })
      return new Map<string, unknown>([...metas, ...schemas])
    }
    const each = SUITE === '' ? test.skip.each : test.each

    each(['draft2020-12', 'draft2019-09', 'draft7'])('%s is judged as it says', (draft) => {
      const wrong: string[] = []
      let count = 0
      const $schema = draft === 'draft7' ? 'http://json-schema.org/draft-07/schema#' : undefined
      for (const path of readdirSync(join(SUITE, 'tests', draft)).filter((name) => name.endsWith('.json')))
        for (const { description, schema, tests } of read(join(SUITE, 'tests', draft, path))) {
          if (BY_AJV.test(description) || (draft === 'draft7' && BESIDE_REF.test(description))) continue
          const holds = holdsIn(schema, known(), engineOf({ $schema }))
          for (const { description: what, data, valid } of tests) {
            count++
            if (holds(data) !== valid) wrong.push(`${path}: ${description}: ${what}`)
          }
        }
      expect(wrong).toEqual([])
      expect(count).toBeGreaterThan(900)
    })

    each([''])('annotations are where it says%s', () => {
      const wrong: string[] = []
      let count = 0
      // 9999: of a draft that is not out.
      for (const path of filesBelow(join(SUITE, 'annotations/tests')))
        for (const { description, schema, externalSchemas = {}, tests } of read(path).suite.filter(
          (group: { compatibility?: string }) => group.compatibility !== '9999',
        ))
          for (const { instance, assertions } of tests)
            for (const { location, keyword, expected } of assertions) {
              if (keyword !== 'title') continue
              count++
              // Only readOnly is collected here: it stands for the title.
              const marking = {
                $id: 'schema:/it',
                ...JSON.parse(JSON.stringify(schema).replaceAll(/"title":"[^"]*"/g, '"readOnly":true')),
              }
              const mark = annotationsIn(
                { allOf: [marking] },
                new Map<string, unknown>(Object.entries(externalSchemas)),
                engineOf(marking),
              )?.of('readOnly')
              // The whole value is looked at in a member, for a scalar has no members.
              const wrapped = annotationsIn(
                { properties: { it: marking } },
                new Map<string, unknown>(Object.entries(externalSchemas)),
                engineOf(marking),
              )?.of('readOnly')
              const found =
                location === ''
                  ? pointers(wrapped?.({ it: instance })).includes('/it')
                  : pointers(mark?.(instance)).includes(location)
              if (found !== Object.keys(expected).length > 0) wrong.push(`${path}: ${description} at ${location}`)
            }
      expect(wrong).toEqual([])
      expect(count).toBeGreaterThan(30)
    })
  },
)
