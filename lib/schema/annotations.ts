import type { Marks } from '../json/marks'
import { isContainer, isObject, type JsonObject } from '../json/pointer'
import { addChild, evaluatedIn, MARKED, marksIn, merge, NOTHING, type Note, ONLY_MARKED, type Outcome } from './notes'
import { type Engine, type SchemaGraph, type SchemaNode, schemaGraph } from './schema-node'

export type Annotation = 'readOnly' | 'writeOnly'

/** Returns the members of a value that a schema annotates; `undefined` if there are none. */
export type Annotator = (value: unknown) => Marks | undefined

export interface Annotations {
  of(annotation: Annotation): Annotator | undefined
  /** Whether only the server sets the member of this name, so that it may be missing although it is required. */
  isReadOnly(schema: object, name: string): boolean
}

/**
 * Collects annotations from the subschemas that hold for a value (JSON Schema core §7.7.1). Ajv does not collect them, and a
 * custom keyword in Ajv would also run in branches that fail later.
 *
 * Ajv refuses invalid values anyway, so a subschema that a valid value has to satisfy is taken to hold. The assertions of a
 * subschema are only checked where it may fail: in `anyOf`, `oneOf`, `if`, `not` and `contains`.
 */
export function annotationsIn(
  schema: unknown,
  others: ReadonlyMap<string, unknown>,
  engine: Engine,
): Annotations | undefined {
  const kinds = (['readOnly', 'writeOnly'] as const).filter((kind) => says(kind, schema, others))
  if (kinds.length === 0) return undefined
  const graph = schemaGraph(schema, others, engine)
  const isReadOnly = (node: SchemaNode | undefined, name: string) => {
    const member = node?.named('properties').get(name)
    return member !== undefined && saysItself(member, 'readOnly', new Set())
  }
  if (graph.nodes.some(({ schema }) => JSON.stringify(schema).includes('"$data"')))
    throw new TypeError(
      'schema: "readOnly" and "writeOnly" cannot be told where "$data" decides; name the members in `immutable` or `hidden`.',
    )
  return {
    of: (kind) => (kinds.includes(kind) ? evaluation(graph, kind, isReadOnly).marks : undefined),
    isReadOnly: (schema, name) => isReadOnly(graph.nodeOf({ schema, base: '' }), name),
  }
}

/** Returns whether a value satisfies a schema, according to the evaluation that collects annotations. */
export function holdsIn(
  schema: unknown,
  others: ReadonlyMap<string, unknown>,
  engine: Engine,
): (value: unknown) => boolean {
  const { holds } = evaluation(schemaGraph(schema, others, engine), 'readOnly', () => false)
  return holds
}

function says(annotation: Annotation, schema: unknown, others: ReadonlyMap<string, unknown>): boolean {
  return [schema, ...others.values()].some((each) => JSON.stringify(each ?? null).includes(`"${annotation}":true`))
}

/** Also looks behind references and into `allOf`, because these hold wherever the schema holds. */
function saysItself(node: SchemaNode, annotation: Annotation, seen: Set<SchemaNode>): boolean {
  if (!isObject(node.schema) || seen.has(node)) return false
  seen.add(node)
  if (node.schema[annotation] === true) return true
  const same = [...node.list('allOf'), ...(node.ref ? [node.ref] : [])]
  return same.some((each) => saysItself(each, annotation, seen))
}

/** The dynamic scope: the schema resources that were entered on the way, which `$dynamicRef` searches. */
interface Scope {
  readonly uri: string
  readonly outer: Scope | undefined
  readonly inner: Map<string, Scope>
  readonly seen: Map<SchemaNode, Map<unknown, Outcome | null>>[]
}

const newScope = (uri: string, outer?: Scope): Scope => ({ uri, outer, inner: new Map(), seen: [new Map(), new Map()] })

function evaluation(
  graph: SchemaGraph,
  annotation: Annotation,
  isReadOnly: (node: SchemaNode, name: string) => boolean,
): { readonly marks: Annotator; holds(value: unknown): boolean } {
  const { root, documents, nodeOf } = graph
  const tracks = graph.nodes.some((node) => node.one('unevaluatedItems') || node.one('unevaluatedProperties'))
  const matters = tracks ? undefined : reaching(graph, annotation)
  /** Notes that mark one member and nothing else. A list of a thousand items has one of them. */
  let alike = new Map<string, Note>()

  return {
    marks(value) {
      if (!isContainer(value)) return undefined
      alike = new Map()
      const note = apply(root, value, newScope(''), true)?.note
      return note && marksIn(note)
    },
    holds: (value) => apply(root, value, newScope(''), false) !== undefined,
  }

  /** `undefined` if the subschema does not hold. With `must` it is taken to hold. */
  function apply(node: SchemaNode, value: unknown, from: Scope, must: boolean): Outcome | undefined {
    const { schema } = node
    if (!isObject(schema)) return schema || must ? NOTHING : undefined
    if (must && matters && !matters.has(node)) return NOTHING
    if (!must && !asserts(node, value)) return undefined
    const isMarked = schema[annotation] === true
    // Most subschemas are leaves: nothing is made for each of their values.
    if (node.applies === 'nothing') return isMarked ? ONLY_MARKED : NOTHING
    const scope = entered(from, node)
    const outcome: Outcome = { note: isMarked ? MARKED : undefined, isOwn: false, evaluated: undefined }
    const holds =
      (node.applies === 'below' || applyInPlace(node, value, scope, must, outcome)) &&
      (Array.isArray(value)
        ? applyToItems(node, schema, value, scope, must, outcome)
        : !isObject(value) || applyToMembers(node, value, scope, must, outcome))
    return holds ? outcome : undefined
  }

  function asserts(node: SchemaNode, value: unknown): boolean {
    if (node.assertions?.(value) === false) return false
    if (!isObject(value)) return true
    for (const name of node.required) if (!Object.hasOwn(value, name) && !isReadOnly(node, name)) return false
    return true
  }

  function applyInPlace(node: SchemaNode, value: unknown, scope: Scope, must: boolean, into: Outcome): boolean {
    const also = (each: SchemaNode | undefined) => {
      const found = each && apply(each, value, scope, must)
      if (found) merge(into, found)
      return each === undefined || found !== undefined
    }
    for (const each of [node.ref, dynamicTarget(node, scope)]) {
      const found = each && remembered(each, value, scope, must)
      if (found) merge(into, found)
      if (each && !found) return false
    }
    if (!node.list('allOf').every(also)) return false
    for (const keyword of ['anyOf', 'oneOf']) {
      const branches = node.list(keyword)
      const matching = branches.map((each) => apply(each, value, scope, false)).filter((each) => each !== undefined)
      if (!must && branches.length > 0 && (keyword === 'anyOf' ? matching.length === 0 : matching.length !== 1))
        return false
      for (const each of matching) merge(into, each)
    }
    const not = node.one('not')
    if (not && !must && apply(not, value, scope, false)) return false
    const condition = node.one('if')
    if (condition) {
      const matching = apply(condition, value, scope, false)
      if (matching) merge(into, matching)
      if (!also(node.one(matching ? 'then' : 'else'))) return false
    }
    if (!isObject(value)) return true
    for (const keyword of ['dependentSchemas', 'dependencies'])
      for (const [name, each] of node.named(keyword)) if (Object.hasOwn(value, name) && !also(each)) return false
    return must || dependenciesHold(node, value)
  }

  function applyToMembers(node: SchemaNode, value: JsonObject, scope: Scope, must: boolean, into: Outcome): boolean {
    const properties = node.named('properties')
    const [rest, names] = [node.one('additionalProperties'), node.one('propertyNames')]
    const unevaluated = node.one('unevaluatedProperties')
    const member = (name: string, each: SchemaNode) => {
      if (tracks) evaluatedIn(into).add(name)
      return applyBelow(each, value[name], name, scope, must, into, false)
    }
    // Most schemas describe only a few members, and then only those are checked.
    const known = rest || names || node.patterns.length > 0 ? Object.keys(value) : [...properties.keys()]
    for (const name of known) {
      if (!Object.hasOwn(value, name)) continue
      if (!must && names && !apply(names, name, scope, false)) return false
      const own = properties.get(name)
      if (own && !member(name, own)) return false
      let isMatched = own !== undefined
      for (const [pattern, each] of node.patterns) {
        if (!pattern.test(name)) continue
        isMatched = true
        if (!member(name, each)) return false
      }
      if (rest && !isMatched && !member(name, rest)) return false
    }
    if (unevaluated === undefined) return true
    return Object.keys(value).every((name) => into.evaluated?.has(name) || member(name, unevaluated))
  }

  function applyToItems(
    node: SchemaNode,
    schema: JsonObject,
    value: readonly unknown[],
    scope: Scope,
    must: boolean,
    into: Outcome,
  ): boolean {
    const item = (index: number, each: SchemaNode) => {
      if (tracks) evaluatedIn(into).add(String(index))
      return applyBelow(each, value[index], String(index), scope, must, into, true)
    }
    const isTuple = Array.isArray(schema.items)
    const first = node.list(isTuple ? 'items' : 'prefixItems')
    const rest = node.one(isTuple ? 'additionalItems' : 'items')
    for (let index = 0; index < value.length && (rest || index < first.length); index++) {
      const each = first[index] ?? rest
      if (each && !item(index, each)) return false
    }
    const contains = node.one('contains')
    if (contains && !(containsEnough(contains, schema, value, scope, into) || must)) return false
    const unevaluated = node.one('unevaluatedItems')
    if (unevaluated === undefined) return true
    return value.every((_, index) => into.evaluated?.has(String(index)) || item(index, unevaluated))
  }

  function containsEnough(
    contains: SchemaNode,
    { minContains = 1, maxContains = Number.POSITIVE_INFINITY, $schema }: JsonObject,
    value: readonly unknown[],
    scope: Scope,
    into: Outcome,
  ): boolean {
    let count = 0
    for (const [index, each] of value.entries()) {
      const found = apply(contains, each, scope, false)
      if (found === undefined) continue
      count++
      if (found.note) addChild(into, String(index), found.note, true)
      if (tracks && !/2019-09/.test(String($schema))) evaluatedIn(into).add(String(index))
    }
    return count >= Number(minContains) && count <= Number(maxContains)
  }

  function applyBelow(
    node: SchemaNode,
    value: unknown,
    name: string,
    scope: Scope,
    must: boolean,
    into: Outcome,
    isArray: boolean,
  ): boolean {
    const found = apply(node, value, scope, must)
    if (found?.note) addChild(into, name, likeOthers(found.note), isArray)
    return found !== undefined
  }

  function likeOthers(note: Note): Note {
    const { children, isArray } = note
    if (children?.size !== 1 || isArray) return note
    for (const [name, child] of children) {
      if (child !== MARKED) return note
      const known = alike.get(name)
      if (known) return known
      alike.set(name, note)
    }
    return note
  }

  function entered(from: Scope, { place }: SchemaNode): Scope {
    // The outermost scope counts, so entering a resource again changes nothing.
    for (let scope: Scope | undefined = from; scope; scope = scope.outer) if (scope.uri === place.base) return from
    const known = from.inner.get(place.base) ?? newScope(place.base, from)
    from.inner.set(place.base, known)
    return known
  }

  function dynamicTarget({ dynamicRef }: SchemaNode, scope: Scope): SchemaNode | undefined {
    if (dynamicRef === undefined) return undefined
    const { name, node } = dynamicRef
    if (documents.dynamicAnchor(name, node.place.base)?.schema !== node.schema) return node
    let found = node
    for (let each: Scope | undefined = scope; each; each = each.outer) {
      const place = documents.dynamicAnchor(name, each.uri)
      if (place) found = nodeOf(place)
    }
    return found
  }

  /** Applies a referenced schema once for each value, because a schema may refer to itself in several branches. */
  function remembered(node: SchemaNode, value: unknown, scope: Scope, must: boolean): Outcome | undefined {
    if (!isContainer(value)) return apply(node, value, scope, must)
    const seen = scope.seen[must ? 1 : 0]
    const known = seen?.get(node)?.get(value)
    if (known !== undefined) return known ?? undefined
    const found = apply(node, value, scope, must)
    const values = seen?.get(node) ?? new Map<unknown, Outcome | null>()
    seen?.set(node, values)
    values.set(value, found ?? null)
    return found
  }
}

function dependenciesHold({ schema }: SchemaNode, value: JsonObject): boolean {
  const dependencies = isObject(schema) && schema.dependencies
  if (!isObject(dependencies)) return true
  return Object.entries(dependencies).every(
    ([name, needed]) =>
      !Array.isArray(needed) || !Object.hasOwn(value, name) || needed.every((each) => Object.hasOwn(value, each)),
  )
}

/** The nodes from which an annotation can be reached. Others can be skipped where they are taken to hold. */
function reaching({ nodes, nodesBelow }: SchemaGraph, annotation: Annotation): Set<SchemaNode> {
  const above = new Map<SchemaNode, SchemaNode[]>()
  for (const node of nodes) {
    for (const each of nodesBelow(node)) {
      const known = above.get(each)
      if (known) known.push(node)
      else above.set(each, [node])
    }
  }
  const open = nodes.filter(({ schema }) => isObject(schema) && schema[annotation] === true)
  const found = new Set(open)
  for (let node = open.pop(); node; node = open.pop())
    for (const each of above.get(node) ?? []) {
      if (found.has(each)) continue
      found.add(each)
      open.push(each)
    }
  return found
}
