import type { AjvInstance, CompiledSchema } from './ajv'
import { jsonSchema } from './json-schema'
import type { SchemaCheck } from './schema-check'
import { isStandardSchema, type StandardSchema, standardSchema } from './standard-schema'

/** What the option `schema` takes. */
export type AnySchema<T> = object | CompiledSchema | StandardSchema<T>

export function compileSchema<T>(schema: AnySchema<T>, ajv: AjvInstance | undefined): SchemaCheck {
  if (!isStandardSchema(schema)) return jsonSchema(schema, ajv)
  if (ajv === undefined) return standardSchema(schema)
  throw new TypeError(`schema: it is a schema of ${schema['~standard'].vendor}, which checks by itself; leave ajv out.`)
}
