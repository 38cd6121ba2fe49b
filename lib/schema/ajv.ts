import type { Ajv, Options } from 'ajv'
import type { FormatsPlugin } from 'ajv-formats'
import { canonicalJson } from '../json/equal'
import { valueAt } from '../json/pointer'

/** An Ajv instance of the app's own, by the part of its shape that is used. */
export interface AjvInstance {
  compile(schema: object): CompiledSchema
  opts: { $data?: unknown; code?: { regExp?: unknown } | undefined }
  /** The schemas that it knows by name, looked through for `readOnly` and `writeOnly`. */
  readonly refs?: object
  readonly schemas?: object
}

/** A compiled Ajv validator, by the part of its shape that is used. */
export interface CompiledSchema {
  (value: unknown): unknown
  errors?: readonly object[] | null
  schema?: unknown
}

/** An instance of our own: draft-07 where `$schema` says so, else 2020-12. Loaded only where a JSON Schema is given. */
export function newAjv(schema: unknown, options: Options): Ajv {
  const isDraft07 = /draft-07/.test(String(valueAt(schema, ['$schema'])))
  const ajv: Ajv = isDraft07
    ? new (require('ajv') as typeof import('ajv')).Ajv(options)
    : new (require('ajv/dist/2020') as typeof import('ajv/dist/2020')).Ajv2020(options)
  const addFormats = require('ajv-formats') as { default: FormatsPlugin }
  addFormats.default(ajv)
  boundCost(ajv)
  return ajv
}

/**
 * An instance that judges as the app's does, with its formats and keywords, but changes nothing and warns of nothing.
 * Without one: an instance of our own.
 */
export function quietAjv(schema: unknown, apps: AjvInstance | undefined, options: Options = {}): Ajv {
  const quiet: Options = { ...NO_CHANGES, ...options, strict: false, logger: false, allErrors: false, verbose: false }
  const theirs = apps as Ajv | undefined
  if (theirs?.RULES === undefined) return newAjv(schema, quiet)
  const Same = theirs.constructor as new (options: Options) => Ajv
  const ajv = new Same({ ...theirs.opts, ...quiet, schemas: [], keywords: [] })
  Object.assign(ajv.formats, theirs.formats)
  for (const keyword of Object.keys(theirs.RULES.keywords)) {
    const definition = theirs.getKeyword(keyword)
    if (typeof definition === 'object' && ajv.getKeyword(keyword) === false) ajv.addKeyword({ ...definition })
  }
  return ajv
}

const NO_CHANGES: Options = { coerceTypes: false, useDefaults: false, removeAdditional: false }

/** Linear versions of checks that take quadratic time in Ajv. */
function boundCost(ajv: Ajv): void {
  // User and password may both contain colons, and the pattern tried each colon as the separator.
  const url = ajv.formats.url as RegExp
  const linear = new RegExp(url.source.replace('\\S+(?::\\S*)?@', '\\S+@'), url.flags)
  ajv.addFormat('url', (text: string) => !/\s/.test(text) && linear.test(text))
  ajv.removeKeyword('uniqueItems')
  ajv.addKeyword({
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    error: { message: 'must NOT have duplicate items' },
    validate: (isUnique: boolean, items: readonly unknown[]) => !isUnique || areUnique(items),
  })
}

function areUnique(items: readonly unknown[]): boolean {
  return new Set(items.map(canonicalJson)).size === items.length
}
