import { isObject, type JsonObject, memberOf, parsePointer } from '../json/pointer'

/** A subschema, and the URI of the schema resource that it belongs to. */
export interface Place {
  readonly schema: unknown
  readonly base: string
}

export interface Documents {
  readonly root: Place
  /** What a `$ref` refers to. */
  resolve(ref: string, base: string): Place
  /** The subschema of a resource that a `$dynamicRef` may refer to. The name is `''` for `$recursiveRef`. */
  dynamicAnchor(name: string, base: string): Place | undefined
  /** The same in all resources that are known so far. */
  dynamicAnchors(name: string): Place[]
  /** The place of a subschema below another one. */
  below(schema: unknown, base: string): Place
}

const NOWHERE = 'schema:/'

/**
 * Resolves references to subschemas, by JSON Pointer, anchor or `$id` (JSON Schema core §8, §9). `others` are the schemas
 * that are known by name. They are only read if a reference names them.
 */
export function schemaDocuments(schema: unknown, others: ReadonlyMap<string, unknown>): Documents {
  const resources = new Map<string, Place>()
  const anchors = new Map<string, Place>()
  const dynamic = new Map<string, Place>()

  function index(schema: unknown, base: string): void {
    if (Array.isArray(schema)) for (const each of schema) index(each, base)
    if (!isObject(schema)) return
    const own = baseOf(schema, base)
    const place = { schema, base: own }
    if (own !== base || !resources.has(own)) resources.set(own, place)
    const { $id, $anchor, $dynamicAnchor, $recursiveAnchor } = schema
    if (typeof $id === 'string' && $id.startsWith('#')) anchors.set(own + $id, place)
    if (typeof $anchor === 'string') anchors.set(`${own}#${$anchor}`, place)
    if (typeof $dynamicAnchor === 'string') {
      anchors.set(`${own}#${$dynamicAnchor}`, place)
      dynamic.set(`${own}#${$dynamicAnchor}`, place)
    }
    if ($recursiveAnchor === true) dynamic.set(`${own}#`, place)
    for (const [keyword, member] of Object.entries(schema)) {
      if (NO_SCHEMAS.has(keyword)) continue
      if (isObject(member) && SCHEMAS_BY_NAME.has(keyword)) for (const each of Object.values(member)) index(each, own)
      else index(member, own)
    }
  }

  function load(uri: string): boolean {
    if (resources.has(uri)) return true
    for (const [name, other] of others) {
      if (!isObject(other)) continue
      const named = resolveUri(name, NOWHERE).split('#')[0] ?? ''
      if (uri !== named && uri !== baseOf(other, named)) continue
      index(other, named)
      if (!resources.has(uri)) resources.set(uri, below(other, named))
      return true
    }
    return false
  }

  index(schema, NOWHERE)
  return {
    root: below(schema, NOWHERE),
    resolve(ref, base) {
      const [document = '', fragment = ''] = resolveUri(ref, base).split('#')
      if (load(document)) {
        const found = fragment === '' ? resources.get(document) : fragmentOf(document, fragment)
        if (found !== undefined) return found
      }
      throw new TypeError(
        `schema: it says "readOnly" or "writeOnly" and refers to ${JSON.stringify(ref)}, which is not known here. Give the schema and \`ajv\` apart, put what it refers to into its own $defs, or name the members in \`immutable\`.`,
      )
    },
    dynamicAnchor: (name, base) => dynamic.get(`${base}#${name}`),
    dynamicAnchors: (name) => [...dynamic].filter(([uri]) => uri.endsWith(`#${name}`)).map(([, place]) => place),
    below,
  }

  function fragmentOf(document: string, fragment: string): Place | undefined {
    let place = resources.get(document)
    if (!place || !fragment.startsWith('/')) return anchors.get(`${place?.base ?? document}#${fragment}`)
    for (const token of parsePointer(decodeURIComponent(fragment)))
      place = below(memberOf(place.schema, token), place.base)
    return place.schema === undefined ? undefined : place
  }
}

function below(schema: unknown, base: string): Place {
  return { schema, base: isObject(schema) ? baseOf(schema, base) : base }
}

function baseOf({ $id }: JsonObject, base: string): string {
  return typeof $id === 'string' && !$id.startsWith('#') ? (resolveUri($id, base).split('#')[0] ?? base) : base
}

function resolveUri(ref: string, base: string): string {
  try {
    return new URL(ref, base).href
  } catch {
    return ref
  }
}

/** The values of these keywords are not schemas, even if they look like one. */
const NO_SCHEMAS: ReadonlySet<string> = new Set(['const', 'enum', 'default', 'examples'])
const SCHEMAS_BY_NAME: ReadonlySet<string> = new Set([
  '$defs',
  'definitions',
  'properties',
  'patternProperties',
  'dependentSchemas',
  'dependencies',
])
