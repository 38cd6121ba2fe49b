import type { Ajv, Options } from 'ajv'
import type { FormatsPlugin } from 'ajv-formats'
import { canonicalJson } from '../json/equal'
import { valueAt } from '../json/pointer'

/** The app's own Ajv instance: the part of its shape that is used here. */
export interface AjvInstance {
  compile(schema: object): CompiledSchema
  opts: { $data?: unknown; code?: { regExp?: unknown } | undefined }
  /** Its named schemas, which are searched for `readOnly` and `writeOnly`. */
  readonly refs?: object
  readonly schemas?: object
}

/** A compiled Ajv validator: the part of its shape that is used here. */
export interface CompiledSchema {
  (value: unknown): unknown
  errors?: readonly object[] | null
  schema?: unknown
}

/** Creates an instance: for draft-07 if `$schema` says so, else for 2020-12. Ajv is only loaded here. */
export function newAjv(schema: unknown, options: Options): Ajv {
  const isDraft07 = /draft-07/.test(String(valueAt(schema, ['$schema'])))
  const ajv: Ajv = isDraft07
    ? new (require('ajv') as typeof import('ajv')).Ajv(options)
    : new (require('ajv/dist/2020') as typeof import('ajv/dist/2020')).Ajv2020(options)
  const addFormats = require('ajv-formats') as { default: FormatsPlugin }
  addFormats.default(ajv)
  // Ajv resolves anchors, and does not know the keyword in strict mode.
  if (!isDraft07) ajv.addVocabulary(['$anchor'])
  boundCost(ajv)
  return ajv
}

/**
 * Creates an instance with the options, formats and keywords of the app's instance, but one that never changes a value and
 * never logs. Without an instance of the app, the same as `newAjv`.
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
