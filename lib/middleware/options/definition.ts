import { randomUUID } from 'node:crypto'
import type { Request } from 'express'
import type { ResourceAdapter } from '../../contracts/adapter'
import { marksOf } from '../../json/marks'
import { parseArrayKeys } from '../../json/members'
import { isObject, parsePointer } from '../../json/pointer'
import { checkOptions, show } from '../../options'
import { LIFECYCLE, type Lifecycle, readLifecycle } from '../../rules/lifecycle'
import type { MemberRules } from '../../rules/protected-members'
import { type TagScheme, versionTag } from '../../rules/tag'
import type { SchemaCheck } from '../../schema/json-schema'
import { compileSchema, type ValueOf } from '../../schema/schema'
import type { EditLocks } from './edit-locks'
import { IDEMPOTENCY, type IdempotencySettings, readIdempotency } from './idempotency-options'
import { LOCK, type LockSettings, MAX_HOLD_MS, readLock } from './lock-options'
import { belowMount, lastParameter, type Mount, onResource, refuseMounted } from './mount'
import { type ConflictOptions, OPTIONS, STATUS } from './options'
import { PRECONDITIONS, type PreconditionSettings, readPreconditions } from './precondition-options'

/**
 * One kind of resource, made by `defineResource`. Give it to every stage and router of this resource, and to
 * `resourceOf`: by it, each of them finds what an earlier one has left on the request.
 */
export interface ResourceDefinition<T, Handle = unknown> {
  readonly name: string
  readonly adapter: ResourceAdapter<T, Handle>
  /** The options that were given. */
  readonly options: ConflictOptions<unknown>
}

/** What a factory takes: a definition, or plain options, from which it makes one. */
export type ResourceOrOptions<T, Handle = unknown, Schema extends object = object> =
  | ResourceDefinition<T, Handle>
  | OptionsOf<T, Handle, Schema>

/** The options that a factory takes. The type of the value comes from the adapter, or else from the schema. */
export type OptionsOf<T, Handle, Schema extends object> = ConflictOptions<ValueOf<T, Schema>, T, Handle, Schema>

/** The options, checked and prepared once, so that requests do not have to. */
export interface Definition<T> extends PreconditionSettings {
  readonly [DEFINITION]: true
  readonly options: ConflictOptions<T>
  readonly name: string
  readonly adapter: ResourceAdapter<T>
  readonly byApp: boolean
  readonly mount: Mount
  readonly key: (req: Request, params: Readonly<Record<string, string>>) => unknown
  readonly safeMethods: ReadonlySet<string>
  readonly schema: SchemaCheck | undefined
  readonly lock: LockSettings | undefined
  /** How long a transaction is held. */
  readonly maxHoldMs: number
  readonly idempotency: IdempotencySettings | undefined
  readonly editLocks: EditLocks | undefined
  readonly members: MemberRules
  readonly lifecycle: Lifecycle | undefined
  readonly tag: TagScheme
  readonly alreadyApplied: ReadonlySet<string>
  readonly create: ReadonlySet<string>
  readonly generateKey: (value: T, req: Request) => string
  readonly location: (req: Request, key: string) => string
  readonly deadlineMs: number
  readonly keepsHistory: boolean
  readonly merge: boolean
}

/** RFC 9110 §9.2.1, and QUERY (RFC 10008). */
const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY']
/** Known by brand: two copies of this package may be loaded. */
const DEFINITION = Symbol.for('express-conflict.definition')

/**
 * Defines one kind of resource. Checks the options once, and returns what every stage and router of the resource takes.
 *
 * Stages share what they found on a request only if they have the same definition. With one adapter, lock manager or
 * store, each definition needs its own name, because keys begin with it.
 */
export function defineResource<T, Handle = unknown, Schema extends object = object>(
  options: OptionsOf<T, Handle, Schema>,
): ResourceDefinition<ValueOf<T, Schema>, Handle> {
  const definition = definitionOf('defineResource', options)
  reserveName(definition as Definition<unknown>)
  return definition as unknown as ResourceDefinition<ValueOf<T, Schema>, Handle>
}

/** The definition that a factory was given. For plain options it makes one, and the same object gives the same one. */
export function definitionOf<T, Handle, Schema extends object>(
  caller: string,
  resource: ResourceOrOptions<T, Handle, Schema>,
): Definition<ValueOf<T, Schema>> {
  if (isDefinition<ValueOf<T, Schema>>(resource)) return resource
  const options = resource as unknown as ConflictOptions<ValueOf<T, Schema>>
  const known = isObject(options) ? (defined.get(options) as Definition<ValueOf<T, Schema>> | undefined) : undefined
  if (known && sameMembers(known.options, options)) return known
  const definition = readDefinition(caller, options)
  defined.set(options, definition)
  return definition
}

const defined = new WeakMap<object, unknown>()

export function isDefinition<T>(value: unknown): value is Definition<T> {
  return isObject(value) && DEFINITION in value
}

function sameMembers(one: object, other: object): boolean {
  const members = Object.entries(one)
  return (
    members.length === Object.keys(other).length &&
    members.every(([name, value]) => Object.is(value, (other as Readonly<Record<string, unknown>>)[name]))
  )
}

/** Names in use, by the object that is shared. Weak, because a test may define its resources again with a new adapter. */
const names = new WeakMap<object, Map<string, Definition<unknown>>>()

function reserveName(definition: Definition<unknown>): void {
  const { name, adapter, lock, idempotency, editLocks } = definition
  const shared: [what: string, object: object | undefined][] = [
    ['adapter', adapter],
    ['lock.manager', lock?.manager],
    ['idempotency.store', idempotency?.store],
    ['store of editLocks', editLocks?.store],
  ]
  for (const [what, object] of shared) {
    const other = object && names.get(object)?.get(name)
    if (other === undefined || other === definition) continue
    throw new TypeError(
      `defineResource(): there is a ${show(name)} already with the same ${what}. Define it once, beside its adapter, and give all stages that definition; another resource needs a name of its own, for keys begin with it.`,
    )
  }
  for (const [, object] of shared) if (object) names.set(object, (names.get(object) ?? new Map()).set(name, definition))
}

/** Checks and prepares options when the app starts. Throws a TypeError that names the wrong value and what to do. */
export function readDefinition<T>(caller: string, given: ConflictOptions<T>): Definition<T> {
  check(`${caller}()`, given)
  // A copy, because nobody would check later changes to the object.
  const options = { ...given }
  const { adapter, path, tag = 'version' } = options
  const preconditions = readPreconditions(`${caller}(): preconditions`, options.preconditions ?? {})
  const lock = options.lock && readLock(`${caller}(): lock`, options.lock)
  const lifecycle = options.lifecycle && readLifecycle(`${caller}(): lifecycle`, options.lifecycle)
  const parameter = path === undefined ? 'id' : lastParameter(path)
  return {
    [DEFINITION]: true,
    options,
    name: options.name,
    adapter,
    byApp: options.writes === 'by-app',
    mount: path === undefined ? onResource : belowMount(path),
    key: options.key ?? ((_, params) => params[parameter]),
    safeMethods: new Set([...SAFE_METHODS, ...(options.safeMethods ?? [])]),
    schema: options.schema && compileSchema(options.schema, options.ajv),
    lock,
    maxHoldMs: options.maxHoldMs ?? lock?.maxHoldMs ?? MAX_HOLD_MS,
    idempotency: options.idempotency && readIdempotency(`${caller}(): idempotency`, options.idempotency),
    editLocks: options.editLocks,
    members: readMembers(options),
    lifecycle,
    ...preconditions,
    tag: tag === 'version' ? versionTag : tag,
    alreadyApplied: new Set(options.alreadyApplied ?? ['DELETE']),
    // A key that a client chooses could later collide with one that the store gives.
    create: new Set(options.create ?? (adapter.create ? ['POST'] : ['PUT', 'POST'])),
    generateKey: options.generateKey ?? (() => randomUUID()),
    location: options.location ?? belowRequest,
    deadlineMs: options.deadlineMs ?? 10_000,
    keepsHistory: typeof adapter.readVersion === 'function',
    merge: options.merge === 'disjoint',
  }
}

function check<T>(caller: string, options: ConflictOptions<T>): void {
  refuseMounted(caller.slice(0, -2), options)
  if (!isObject(options)) throw new TypeError(`${caller}: expected options, got ${show(options)}.`)
  if ('read' in options)
    throw new TypeError(`${caller}: expected options, got an adapter. Give it a name: { name: "article", adapter }.`)
  refuseMisplaced(caller, options)
  checkOptions(caller, options, OPTIONS, ['name', 'adapter'])
  checkOptions(`${caller}: status`, options.status ?? {}, STATUS)
  if (options.isolation === 'lock' && !options.lock)
    throw new TypeError(`${caller}: isolation: 'lock' needs lock: { manager }, such as memoryLocks().`)
  if (options.isolation === 'transaction' && typeof options.adapter.transaction !== 'function')
    throw new TypeError(
      `${caller}: isolation: 'transaction' needs an adapter with a transaction method, such as sqlAdapter() has; leave isolation out, and a compare-and-swap keeps one resource right.`,
    )
  if (options.maxHoldMs !== undefined && options.isolation !== 'transaction')
    throw new TypeError(
      `${caller}: maxHoldMs is for isolation: 'transaction'. The lock has one of its own: lock: { maxHoldMs: ${options.maxHoldMs} }.`,
    )
  if (options.merge !== undefined) checkMerge(caller, options)
  if (options.writes !== 'by-app' && typeof options.adapter.write !== 'function')
    throw new TypeError(
      `${caller}: the adapter has no write method. Give it one, or say writes: 'by-app' and write in the handler, with the version in your own WHERE.`,
    )
}

/** The options that stand in a group of their own. */
const GROUPS = { preconditions: PRECONDITIONS, lock: LOCK, idempotency: IDEMPOTENCY, lifecycle: LIFECYCLE }

function refuseMisplaced(caller: string, options: object): void {
  for (const name of Object.keys(options)) {
    const [group] = name in OPTIONS ? [] : (Object.entries(GROUPS).find(([, members]) => name in members) ?? [])
    if (group === undefined) continue
    throw new TypeError(`${caller}: there is no option "${name}". It belongs into ${group}: { ${name}: … }.`)
  }
}

/** A merge needs the state that the change was based on, and a tag that tells which one it was. */
function checkMerge<T>(caller: string, { adapter, tag = 'version' }: ConflictOptions<T>): void {
  if (typeof adapter.readVersion !== 'function')
    throw new TypeError(
      `${caller}: merge needs an adapter with a readVersion method, such as memoryAdapter({ history: 100 }); leave merge out, and a change of an old state is refused.`,
    )
  if (typeof adapter.readSince !== 'function')
    throw new TypeError(
      `${caller}: merge needs an adapter with a readSince method: only the states in between show what was changed and changed back. Give the adapter one, or leave merge out.`,
    )
  if (tag !== 'version')
    throw new TypeError(
      `${caller}: merge needs tag: 'version'; from another tag nobody can tell which version it stands for.`,
    )
}

function readMembers<T>({
  immutable,
  writeOnce,
  hidden,
  arrayKeys,
  keyPointer,
  preconditions,
}: ConflictOptions<T>): MemberRules {
  const marksAt = (pointers: readonly string[] = []) => marksOf(pointers.map(parsePointer))
  const tokensOf = (pointer: string | undefined) => (pointer === undefined ? undefined : parsePointer(pointer))
  return {
    immutable: marksAt(immutable),
    writeOnce: marksAt(writeOnce),
    hidden: marksAt(hidden),
    arrayKeys: parseArrayKeys(arrayKeys ?? {}),
    keyPointer: tokensOf(keyPointer),
    versionField: tokensOf(preconditions?.versionField),
  }
}

/** The default `location`: the key below the path of the request. Without a host, because a proxy may have changed it. */
export function belowRequest(req: Request, key: string): string {
  return `${(req.baseUrl + req.path).replace(/\/+$/, '')}/${encodeURIComponent(key)}`
}
