import type Ajv from 'ajv'
import type { AnySchemaObject, ValidateFunction } from 'ajv'
import { isObject } from '../../json/member'
import type { MemberPattern } from '../../json/members'
import { parsePointer, valueAt } from '../../json/pointer'
import { newAjv } from './dialect'

/** Which members a schema calls `readOnly` in values. `known`: the schemas of the app's own Ajv, by their names. */
export function readOnlyFinder(schema: unknown, known: object): (...values: unknown[]) => readonly MemberPattern[] {
  // An Ajv keeps each as `{ schema }`, or as another name for one.
  const others = Object.entries(known).map(([name, it]) => [name, valueAt(it, ['schema'])] as const)
  if (![schema, ...others.map(([, other]) => other)].some(saysReadOnly)) return () => NONE
  const pathsIn = pathFinder(Object(schema), others)
  return (...values) => {
    const patterns = values.flatMap((value) => pathsIn(value).map((path) => generalised(path, value)))
    return [...new Set(patterns)].map(parsePointer)
  }
}

/**
 * Walking a schema misses what stands behind `$ref` and `allOf`; a keyword of the validator's own meets every member
 * that `readOnly` applies to.
 */
function pathFinder(schema: object, others: readonly (readonly [string, unknown])[]): (value: unknown) => string[] {
  let found: string[] = []
  const ajv = newAjv(schema, { strict: false, validateFormats: false, allErrors: true, logger: false })
  // With allErrors nothing shields a slow pattern, or the comparison of each item with each, from a long value.
  for (const keyword of ['readOnly', 'pattern', 'uniqueItems']) ajv.removeKeyword(keyword)
  ajv.addKeyword({
    keyword: 'readOnly',
    schemaType: 'boolean',
    validate: (isReadOnly: boolean, _value: unknown, _parent?: AnySchemaObject, place?: { instancePath: string }) => {
      if (isReadOnly && place) found.push(place.instancePath)
      return true
    },
  })
  for (const [name, other] of others) {
    const isNew = ajv.schemas[name] === undefined && ajv.refs[name] === undefined
    if (isNew && isObject(other)) ajv.addSchema(other, name, undefined, false)
  }
  const visit = compileForReadOnly(ajv, schema)
  return (value) => {
    found = []
    visit(value)
    return found
  }
}

function saysReadOnly(schema: unknown): boolean {
  return JSON.stringify(schema ?? null).includes('"readOnly":true')
}

const NONE: readonly MemberPattern[] = []

function compileForReadOnly(ajv: Ajv, schema: object): ValidateFunction {
  try {
    return ajv.compile(schema)
  } catch (cause) {
    throw new TypeError(
      'schema: it says "readOnly" and refers to schemas that are not known here. Give the schema and `ajv` apart, put them into its own $defs, or name the members in `immutable`.',
      { cause },
    )
  }
}

/** `/items/0/id` speaks of each item: the same one may stand elsewhere in the next version. */
function generalised(path: string, value: unknown): string {
  const tokens = parsePointer(path)
  return path
    .split('/')
    .map((text, index) => (index > 0 && Array.isArray(valueAt(value, tokens.slice(0, index - 1))) ? '*' : text))
    .join('/')
}
