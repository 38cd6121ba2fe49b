import { isObject, type JsonObject } from '../json/pointer'
import { type Documents, type Place, schemaDocuments } from './schema-documents'

/** Checks the assertions of one subschema, without those of the subschemas in it. */
export type Assertions = (value: unknown) => boolean

/** One subschema with the subschemas that it applies. */
export interface SchemaNode {
  readonly place: Place
  /** Every value satisfies `true`; none satisfies `false`. */
  readonly schema: JsonObject | boolean
  one(keyword: string): SchemaNode | undefined
  list(keyword: string): readonly SchemaNode[]
  named(keyword: string): ReadonlyMap<string, SchemaNode>
  readonly patterns: readonly (readonly [pattern: RegExp, node: SchemaNode])[]
  readonly required: readonly string[]
  readonly assertions: Assertions | undefined
  /** The target of `$ref`. */
  readonly ref: SchemaNode | undefined
  /** The target of `$dynamicRef` or `$recursiveRef` outside any dynamic scope. */
  readonly dynamicRef: { readonly name: string; readonly node: SchemaNode } | undefined
  /** Whether it has subschemas: none, for members and items only, or for the value itself, too. */
  readonly applies: 'nothing' | 'below' | 'in place'
}

export interface SchemaGraph {
  readonly root: SchemaNode
  readonly documents: Documents
  nodeOf(place: Place): SchemaNode
  /** All nodes that can be reached from the root. */
  readonly nodes: readonly SchemaNode[]
  /** The nodes that a node applies, by reference or directly. */
  nodesBelow(node: SchemaNode): readonly SchemaNode[]
}

export interface Engine {
  assertionsOf(schema: JsonObject): Assertions
  patternOf(pattern: string): RegExp
}

/** Resolves everything when the app starts, so that a broken reference is an error at that time. */
export function schemaGraph(schema: unknown, others: ReadonlyMap<string, unknown>, engine: Engine): SchemaGraph {
  const documents = schemaDocuments(schema, others)
  const known = new Map<unknown, SchemaNode>()
  const below = new Map<SchemaNode, SchemaNode[]>()
  const open: SchemaNode[] = []

  function nodeOf(place: Place): SchemaNode {
    const { schema } = place
    if (!isObject(schema)) return schema === false ? NEVER : ALWAYS
    const node = known.get(schema) ?? newNode(schema, place, engine)
    if (!known.has(schema)) open.push(node)
    known.set(schema, node)
    return node
  }

  const root = nodeOf(documents.root)
  while (open.length > 0) {
    for (let node = open.pop(); node; node = open.pop()) below.set(node, linked(node as OpenNode, documents, nodeOf))
    // Any resource that is known now may be in the dynamic scope.
    for (const [node, each] of below)
      if (node.dynamicRef) each.push(...documents.dynamicAnchors(node.dynamicRef.name).map(nodeOf))
  }
  return { root, documents, nodeOf, nodes: [...known.values()], nodesBelow: (node) => below.get(node) ?? [] }
}

interface OpenNode extends SchemaNode {
  readonly schema: JsonObject
  readonly ones: Map<string, SchemaNode>
  readonly lists: Map<string, SchemaNode[]>
  readonly maps: Map<string, Map<string, SchemaNode>>
  patterns: readonly (readonly [pattern: RegExp, node: SchemaNode])[]
  ref: SchemaNode | undefined
  dynamicRef: SchemaNode['dynamicRef']
  applies: SchemaNode['applies']
}

function newNode(schema: JsonObject, place: Place, engine: Engine): OpenNode {
  const [ones, lists, maps] = [
    new Map<string, SchemaNode>(),
    new Map<string, SchemaNode[]>(),
    new Map<string, Map<string, SchemaNode>>(),
  ]
  const own = Object.fromEntries(Object.entries(schema).filter(([keyword]) => !NOT_ASSERTED.has(keyword)))
  const isAsserted = Object.keys(own).length > 0
  let assertions: Assertions | undefined
  return {
    place,
    schema,
    ones,
    lists,
    maps,
    one: (keyword) => ones.get(keyword),
    list: (keyword) => lists.get(keyword) ?? NONE,
    named: (keyword) => maps.get(keyword) ?? NOTHING,
    patterns: Object.keys(isObject(schema.patternProperties) ? schema.patternProperties : {}).map(
      (pattern) => [engine.patternOf(pattern), ALWAYS] as const,
    ),
    required: Array.isArray(schema.required) ? schema.required : [],
    get assertions() {
      if (!isAsserted) return undefined
      assertions ??= engine.assertionsOf(own)
      return assertions
    },
    ref: undefined,
    dynamicRef: undefined,
    applies: 'in place',
  }
}

/** Fills in the nodes that a node applies, and returns them. */
function linked(node: OpenNode, documents: Documents, nodeOf: (place: Place) => SchemaNode): SchemaNode[] {
  const { schema, place } = node
  const all: SchemaNode[] = []
  const child = (each: unknown) => {
    const made = nodeOf(documents.below(each, place.base))
    all.push(made)
    return made
  }
  const isSchema = (value: unknown) => isObject(value) || typeof value === 'boolean'
  for (const [keyword, value] of Object.entries(schema)) {
    if (BY_NAME.has(keyword) && isObject(value))
      node.maps.set(
        keyword,
        new Map(
          Object.entries(value)
            .filter(([, each]) => isSchema(each))
            .map(([name, each]) => [name, child(each)]),
        ),
      )
    else if (LISTS.has(keyword) && Array.isArray(value)) node.lists.set(keyword, value.map(child))
    else if (ONES.has(keyword) && isSchema(value)) node.ones.set(keyword, child(value))
  }
  const patterns = [...node.named('patternProperties').values()]
  node.patterns = node.patterns.map(([pattern], index) => [pattern, patterns[index] ?? ALWAYS] as const)

  const refer = (ref: unknown) => {
    if (typeof ref !== 'string') return undefined
    const found = nodeOf(documents.resolve(ref, place.base))
    all.push(found)
    return found
  }
  node.ref = refer(schema.$ref)
  const ref = schema.$dynamicRef ?? schema.$recursiveRef
  const found = refer(ref)
  if (found && typeof ref === 'string')
    node.dynamicRef = { name: schema.$dynamicRef === undefined ? '' : (ref.split('#')[1] ?? ''), node: found }
  node.applies = Object.keys(schema).some((keyword) => IN_PLACE.has(keyword))
    ? 'in place'
    : all.length > 0
      ? 'below'
      : 'nothing'
  return all
}

const NOTHING: ReadonlyMap<string, SchemaNode> = new Map()
const NONE: readonly SchemaNode[] = []

function constant(schema: boolean): SchemaNode {
  return {
    place: { schema, base: '' },
    schema,
    one: () => undefined,
    list: () => NONE,
    named: () => NOTHING,
    patterns: [],
    required: [],
    assertions: undefined,
    ref: undefined,
    dynamicRef: undefined,
    applies: 'nothing',
  }
}

const ALWAYS = constant(true)
const NEVER = constant(false)

const words = (text: string) => text.split(' ')
const ONES: ReadonlySet<string> = new Set(
  words(
    'additionalProperties additionalItems items contains propertyNames not if then else unevaluatedItems unevaluatedProperties',
  ),
)
const LISTS: ReadonlySet<string> = new Set(words('allOf anyOf oneOf prefixItems items'))
const BY_NAME: ReadonlySet<string> = new Set(words('properties patternProperties dependentSchemas dependencies'))
/** What a subschema applies to the value itself. */
const IN_PLACE: ReadonlySet<string> = new Set(
  words('$ref $dynamicRef $recursiveRef allOf anyOf oneOf not if dependentSchemas dependencies'),
)

/** Keywords that are not assertions, or that are applied by the evaluation itself. */
const NOT_ASSERTED: ReadonlySet<string> = new Set([
  ...ONES,
  ...LISTS,
  ...BY_NAME,
  ...words(
    '$schema $id $anchor $dynamicAnchor $recursiveAnchor $ref $dynamicRef $recursiveRef $defs definitions $comment',
  ),
  ...words('$vocabulary title description default examples deprecated readOnly writeOnly discriminator'),
  ...words('required minContains maxContains contentEncoding contentMediaType contentSchema'),
])
