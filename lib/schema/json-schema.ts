import type { Ajv, ErrorObject, ValidateFunction } from 'ajv'
import type { Marks } from '../json/marks'
import { isObject, type JsonObject, valueAt } from '../json/pointer'
import { type AjvInstance, type CompiledSchema, newAjv, quietAjv } from './ajv'
import { type Annotations, annotationsIn } from './annotations'

/** An error in a value, with the facts that a client may know. */
export interface SchemaError {
  readonly instancePath: string
  readonly keyword: string
  readonly message: string
  readonly params: object
}

/** The result of a check. The value may differ from the one that was given, because a schema can convert or add members. */
export type Checked =
  | { readonly ok: true; readonly value: unknown; readonly missing?: readonly SchemaError[] | undefined }
  | { readonly ok: false; readonly errors: readonly SchemaError[] }

export interface SchemaCheck {
  /**
   * With `isDraft`, required members that only the server sets may be missing. `missing` then has the errors that remain
   * until they are filled in.
   */
  check(value: unknown, isDraft: boolean): Checked | Promise<Checked>
  /** The members of a value that only the server sets. */
  readOnlyIn(value: unknown): Marks | undefined
  /** The members of a value that clients can send but never see. */
  writeOnlyIn(value: unknown): Marks | undefined
}

/** Compiles a JSON Schema once. A schema is code of the app and never comes from a request. */
export function jsonSchema(schema: object | CompiledSchema, ajv: AjvInstance | undefined): SchemaCheck {
  if (ajv?.opts.$data && !hasOwnRegExp(ajv)) throw new TypeError(`schema: the Ajv instance has ${SLOW_PATTERNS}`)
  const validate = isCompiled(schema) ? schema : compiled(schema, ajv ?? ownAjv(schema))
  const text = isCompiled(schema) ? schema.schema : schema
  if (isCompiled(schema)) mustBeValidator(schema)
  refuseUnusable(text, isCompiled(schema))
  const annotations = readAnnotations(text, ajv)
  const relaxed = annotations && lenient(text, ajv, annotations)
  const mayChange = isCompiled(schema) || ajv !== undefined
  return {
    check(value, isDraft) {
      // A copy, because the app's own validator may change it, and the value may share parts with the stored one.
      const own: unknown = mayChange ? JSON.parse(JSON.stringify(value)) : value
      const errors = errorsOf(validate, own)
      if (errors === undefined) return { ok: true, value: own }
      return (isDraft && relaxed?.(own, errors)) || { ok: false, errors }
    },
    readOnlyIn: annotations?.of('readOnly') ?? nothing,
    writeOnlyIn: annotations?.of('writeOnly') ?? nothing,
  }
}

const SLOW_PATTERNS =
  '$data without code.regExp: a client could bring a pattern that takes for ever. Turn $data off, or give code.regExp a linear engine such as re2.'

/** Throws for a function of another library, such as `Article.parse` of zod, which would refuse everything or nothing. */
function mustBeValidator(validate: CompiledSchema): void {
  const said = saidOf(validate)
  if (said === undefined) return
  throw new TypeError(
    `schema: it is a function that ${said} where a validator of Ajv gives true or false. Give the schema itself: schema: Article, not Article.parse.`,
  )
}

/** Calls the function once to see what it does. A validator that Ajv has written to a file has no other mark. */
function saidOf(validate: CompiledSchema): string | undefined {
  // Compiled by Ajv. An asynchronous one is refused later.
  if (isObject(validate.schema)) return undefined
  try {
    const said = validate({})
    if (typeof said === 'boolean') return undefined
    return said instanceof Promise ? 'gave a promise' : `gave ${typeof said}`
  } catch (error) {
    return `threw a ${(error as Partial<Error> | undefined)?.name}`
  }
}

function refuseUnusable(schema: unknown, isCompiled: boolean): void {
  if (valueAt(schema, ['$async']) === true)
    throw new TypeError('schema: "$async" schemas are not supported; put what has to wait into `rules`.')
  if (isCompiled && /"pattern":\{"\$data"/.test(JSON.stringify(schema) ?? ''))
    throw new TypeError(
      `schema: a compiled validator has ${SLOW_PATTERNS} Give the schema and \`ajv\` apart, so that this can be checked.`,
    )
}

/** Whether the app has given a RegExp engine. If not, Ajv fills in its own. */
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
  // Without `allErrors`, a failed `maxLength` keeps a slow `pattern` from running. Without `$data`, no client can send a pattern.
  return newAjv(schema, { strictTypes: false, strictTuples: false })
}

function errorsOf(validate: CompiledSchema, value: unknown): SchemaError[] | undefined {
  return validate(value) === true ? undefined : (validate.errors ?? []).map(shown)
}

function shown(error: object): SchemaError {
  const { instancePath = '', keyword = '', message = '', params = {} }: Partial<SchemaError> = error
  return { instancePath, keyword, message, params }
}

function nothing(): undefined {
  return undefined
}

/** Reads the annotations of a schema. Subschemas that decide about an annotation are compiled one by one. */
function readAnnotations(schema: unknown, ajv: AjvInstance | undefined): Annotations | undefined {
  let engine: Ajv | undefined
  const engineOf = () => {
    engine ??= quietAjv(schema, ajv)
    return engine
  }
  return annotationsIn(schema, knownTo(ajv), {
    assertionsOf: (part) => engineOf().compile(part),
    patternOf(pattern) {
      const { regExp } = (ajv as Ajv | undefined)?.opts.code ?? {}
      return (regExp ? regExp(pattern, 'u') : new RegExp(pattern, 'u')) as RegExp
    },
  })
}

/** The named schemas of an instance. It keeps each as `{ schema }`, or as another name for one. */
function knownTo(ajv: AjvInstance | undefined): ReadonlyMap<string, unknown> {
  const known = Object.entries({ ...ajv?.refs, ...ajv?.schemas })
  return new Map(known.map(([name, it]) => [name, valueAt(it, ['schema'])] as const).filter(([, it]) => isObject(it)))
}

/** A check with the same schema, but without required read-only members, which OpenAPI only requires in answers. */
function lenient(schema: unknown, apps: AjvInstance | undefined, annotations: Annotations) {
  if (!isObject(schema) || !JSON.stringify(schema).includes('"required"')) return undefined
  let validate: ValidateFunction | undefined

  return (value: unknown, missing: readonly SchemaError[]): Checked | undefined => {
    if (!missing.some(({ keyword }) => EXCUSABLE.has(keyword))) return undefined
    validate ??= compileLenient(schema)
    if (validate === undefined) return undefined
    const errors = errorsOf(validate, value)
    return errors ? { ok: false, errors } : { ok: true, value, missing }
  }

  function compileLenient(schema: JsonObject): ValidateFunction {
    const ajv = quietAjv(schema, apps)
    for (const [name, other] of knownTo(apps)) {
      const isNew = ajv.schemas[name] === undefined && ajv.refs[name] === undefined
      if (isNew && isObject(other)) ajv.addSchema(other, name, undefined, false)
    }
    ajv.removeKeyword('required')
    ajv.addKeyword({
      keyword: 'required',
      type: 'object',
      schemaType: 'array',
      compile: (names: string[], parent) => {
        const needed = names.filter((name) => !annotations.isReadOnly(parent, name))
        const check: MissingCheck = (data) => {
          const missingProperty = needed.find((name) => !Object.hasOwn(data, name))
          if (missingProperty === undefined) return true
          const message = `must have required property '${missingProperty}'`
          check.errors = [{ keyword: 'required', params: { missingProperty }, message }]
          return false
        }
        return check
      },
      errors: true,
    })
    return ajv.compile(schema)
  }
}

interface MissingCheck {
  (data: object): boolean
  errors?: Partial<ErrorObject>[]
}

/** A missing member may be the reason for an error of these keywords. Errors of branches have the name of their keyword. */
const EXCUSABLE: ReadonlySet<string> = new Set(['required', 'anyOf', 'oneOf', 'if', 'not', 'contains'])
