import { formatPointer, isContainer, valueAt, withValueAt } from '../json/pointer'
import { type AjvInstance, quietAjv } from './ajv'
import { type Annotations, annotationsIn } from './annotations'
import { type Checked, jsonSchema, type SchemaCheck, type SchemaError } from './json-schema'

/** The type of the value from a schema: the output of a Standard Schema, or the static type of TypeBox before 1.0. */
type OutputOf<Schema, Otherwise> = Schema extends {
  readonly '~standard': { readonly types?: { readonly output: infer Output } | undefined }
}
  ? Output
  : Schema extends { readonly static: infer Static }
    ? Static
    : Otherwise

/** The type of the stored value: from the adapter, or from the schema if the adapter has none, as in `memoryAdapter()`. */
export type ValueOf<T, Schema> = unknown extends T ? OutputOf<Schema, T> : T

export function compileSchema(schema: object, ajv: AjvInstance | undefined): SchemaCheck {
  if (!isStandardSchema(schema)) {
    for (const [name, member] of Object.entries(schema))
      if (isStandardSchema(member))
        throw new TypeError(
          `schema: its member "${name}" is a schema of ${member['~standard'].vendor}, and it is none itself. Give one of the whole resource, such as z.object({ ${name}: … }).`,
        )
    return jsonSchema(schema, ajv)
  }
  if (ajv === undefined) return standardSchema(schema)
  throw new TypeError(`schema: it is a schema of ${schema['~standard'].vendor}, which checks by itself; leave ajv out.`)
}

/** A schema of zod, valibot, ArkType or another library that follows the Standard Schema specification, version 1. */
export interface StandardSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined
    /** Converts the schema to JSON Schema, from which `readOnly` and `writeOnly` are read. Optional. */
    readonly jsonSchema?: { input(options: { readonly target: 'draft-2020-12' }): object } | undefined
  }
}

type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] }

interface StandardIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** Schemas of ArkType are functions. */
function isStandardSchema(schema: unknown): schema is StandardSchema {
  return (isContainer(schema) || typeof schema === 'function') && '~standard' in schema
}

function standardSchema(schema: StandardSchema): SchemaCheck {
  const { version, vendor, validate } = schema['~standard']
  if (version !== 1 || typeof validate !== 'function')
    throw new TypeError(`schema: version ${version} of Standard Schema is not known here; version 1 is.`)
  const annotations = readAnnotations(schema)
  const readOnlyIn = annotations?.of('readOnly') ?? (() => undefined)

  /** A draft may lack members that only the server sets. Its value is not converted, because it is incomplete. */
  const missingIn = (value: unknown, issues: readonly StandardIssue[]) => {
    const isMissing = (path: readonly string[]) =>
      valueAt(value, path) === undefined && isMarkedAt(readOnlyIn(withValueAt(value, path, null)), path)
    const others = issues.filter((issue) => !isMissing(pathOf(issue)))
    const missing = issues.map((issue) => errorOf(issue, vendor))
    return others.length > 0 ? others : { ok: true as const, value, missing }
  }

  const checked = (value: unknown, result: StandardResult<unknown>, isDraft: boolean): Checked => {
    if (result.issues === undefined) return { ok: true, value: result.value }
    const left = isDraft ? missingIn(value, result.issues) : result.issues
    if ('ok' in left) return left
    return { ok: false, errors: left.map((issue) => errorOf(issue, vendor)) }
  }

  return {
    check(value, isDraft) {
      // A copy, because the schema may change it, and the value may share parts with the stored one.
      const given: unknown = JSON.parse(JSON.stringify(value))
      const result = validate(given)
      return result instanceof Promise
        ? result.then((later) => checked(value, later, isDraft))
        : checked(value, result, isDraft)
    },
    readOnlyIn,
    writeOnlyIn: annotations?.of('writeOnly') ?? (() => undefined),
  }
}

function readAnnotations(schema: StandardSchema): Annotations | undefined {
  const { jsonSchema } = schema['~standard']
  let text: object
  try {
    text = jsonSchema?.input({ target: 'draft-2020-12' }) ?? {}
  } catch {
    // Some libraries cannot convert a schema that transforms values. Then no member is known to be read-only.
    return undefined
  }
  return annotationsIn(text, new Map(), {
    assertionsOf: (part) => quietAjv(text, undefined).compile(part),
    patternOf: (pattern) => new RegExp(pattern, 'u'),
  })
}

function isMarkedAt(marks: ReturnType<SchemaCheck['readOnlyIn']>, path: readonly string[]): boolean {
  let found = marks
  for (const name of path) found = found?.marked ? found : found?.below(name)
  return found?.marked === true
}

function pathOf({ path = [] }: StandardIssue): readonly string[] {
  return path.map((step) => String(typeof step === 'object' ? step.key : step))
}

function errorOf(issue: StandardIssue, vendor: string): SchemaError {
  const { code } = issue as { code?: unknown }
  const keyword = typeof code === 'string' ? code : vendor
  return { instancePath: formatPointer(pathOf(issue)), keyword, message: issue.message, params: {} }
}
