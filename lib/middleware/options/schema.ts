import type Ajv from 'ajv'
import addFormats from 'ajv-formats'
import type { MemberPattern } from '../../json/members'
import { valueAt } from '../../json/pointer'
import { newAjv } from './dialect'
import type { AjvInstance, CompiledSchema } from './options'
import { readOnlyFinder } from './read-only'

/** What Ajv found, as far as a client may know it. */
export interface SchemaError {
  readonly instancePath: string
  readonly keyword: string
  readonly message: string
  readonly params: object
}

export interface SchemaCheck {
  /** `undefined` for a valid value. */
  errorsIn(value: unknown): SchemaError[] | undefined
  /** Which members the schema calls `readOnly` in one or more of these values. */
  readOnlyIn(...values: unknown[]): readonly MemberPattern[]
  /** The app's own validator may fill in defaults and convert types: what it gets must be a copy. */
  readonly mutates: boolean
}

/** Compiles the schema once. A schema never comes from a request: it is code. */
export function compileSchema(schema: object | CompiledSchema, ajv: AjvInstance | undefined): SchemaCheck {
  if (ajv?.opts.$data && !hasOwnRegExp(ajv)) throw new TypeError(`schema: the Ajv instance has ${SLOW_PATTERNS}`)
  const validate = isCompiled(schema) ? schema : compiled(schema, ajv ?? ownAjv(schema))
  const text = isCompiled(schema) ? schema.schema : schema
  if (valueAt(text, ['$async']) === true)
    throw new TypeError('schema: "$async" schemas are not supported; put what has to wait into `rules`.')
  if (isCompiled(schema) && /"pattern":\{"\$data"/.test(JSON.stringify(text) ?? ''))
    throw new TypeError(
      `schema: a compiled validator has ${SLOW_PATTERNS} Give the schema and \`ajv\` apart, so that this can be checked.`,
    )
  return {
    errorsIn: (value) => (validate(value) === true ? undefined : (validate.errors ?? []).map(shown)),
    readOnlyIn: readOnlyFinder(text, { ...ajv?.refs, ...ajv?.schemas }),
    mutates: isCompiled(schema) || ajv !== undefined,
  }
}

const SLOW_PATTERNS =
  '$data without code.regExp: a client could bring a pattern that takes for ever. Turn $data off, or give code.regExp a linear engine such as re2.'

/** Ajv fills in its own engine where the app gave none. */
function hasOwnRegExp({ opts: { code } }: AjvInstance): boolean {
  const regExp = code?.regExp as { code?: unknown } | undefined
  return regExp !== undefined && regExp.code !== 'new RegExp'
}

function isCompiled(schema: object | CompiledSchema): schema is CompiledSchema {
  return typeof schema === 'function'
}

function compiled(schema: object, ajv: AjvInstance): CompiledSchema {
  try {
    return ajv.compile(schema)
  } catch (cause) {
    throw new TypeError(`schema: Ajv does not take it: ${cause instanceof Error ? cause.message : cause}`, { cause })
  }
}

function ownAjv(schema: object): Ajv {
  // No allErrors: with it a `maxLength` no longer shields a slow `pattern`. No $data: patterns come from the app alone.
  const ajv = newAjv(schema, { strictTypes: false, strictTuples: false })
  addFormats(ajv)
  return ajv
}

function shown(error: object): SchemaError {
  const { instancePath = '', keyword = '', message = '', params = {} }: Partial<SchemaError> = error
  return { instancePath, keyword, message, params }
}
