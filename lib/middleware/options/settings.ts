import { randomUUID } from 'node:crypto'
import type { Request } from 'express'
import type { ResourceAdapter } from '../../contracts/adapter'
import { marksOf } from '../../json/marks'
import { parseArrayKeys } from '../../json/members'
import { parsePointer } from '../../json/pointer'
import { checkOptions, isObject, show } from '../../options'
import type { MemberRules } from '../../rules/change'
import type { Lifecycle } from '../../rules/lifecycle'
import { type TagScheme, versionTag } from '../../rules/tag'
import { compileSchema } from '../../schema/compile-schema'
import type { SchemaCheck } from '../../schema/schema-check'
import type { EditLocks } from './edit-locks'
import { type IdempotencySettings, readIdempotency } from './idempotency-settings'
import { belowMount, lastParameter, type Mount, onResource, refuseMounted } from './mount'
import { LIFECYCLE, LOCK, OPTIONS, PRECONDITIONS, STATUS } from './option-table'
import type { ConflictOptions, LifecycleOptions, LockOptions } from './options'

/** The options, checked and prepared once: the request path does the rest. */
export interface Settings<T> {
  readonly options: ConflictOptions<T>
  readonly name: string
  readonly adapter: ResourceAdapter<T>
  readonly byApp: boolean
  readonly mount: Mount
  /** Of a parent: for requests to what is below its mount, nothing of which may be decided but that the parent allows it. */
  readonly above?: Settings<T>
  readonly key: (req: Request, params: Readonly<Record<string, string>>) => unknown
  readonly safeMethods: ReadonlySet<string>
  readonly schema: SchemaCheck | undefined
  readonly lock: LockSettings | undefined
  readonly idempotency: IdempotencySettings | undefined
  readonly editLocks: EditLocks | undefined
  readonly members: MemberRules
  readonly lifecycle: Lifecycle | undefined
  readonly required: boolean | 'version'
  readonly acceptWeakForms: boolean
  readonly tagSuffixes: readonly string[]
  readonly versionQuery: string | undefined
  readonly notModifiedLate: boolean
  readonly tag: TagScheme
  readonly alreadyApplied: ReadonlySet<string>
  readonly create: ReadonlySet<string>
  readonly generateKey: (value: T, req: Request) => string
  readonly location: (req: Request, key: string) => string
  readonly deadlineMs: number
  readonly keepsHistory: boolean
  readonly merge: boolean
}

export interface LockSettings extends Required<Omit<LockOptions, 'key' | 'methods'>> {
  readonly key: LockOptions['key']
  readonly methods: ReadonlySet<string> | undefined
}

/** RFC 9110 §9.2.1, and QUERY (RFC 10008). */
const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY']
/** What Apache's mod_deflate and mod_brotli and their like put behind a tag. */
const TAG_SUFFIXES = ['-gzip', ';gzip', '-br', ';br']

/** Throws a TypeError that names the value and the way out: a wrong option is found when the app starts. */
export function readSettings<T>(caller: string, options: ConflictOptions<T>): Settings<T> {
  check(`${caller}()`, options)
  const { adapter, path, preconditions = {}, tag = 'version' } = options
  const parameter = path === undefined ? 'id' : lastParameter(path)
  return {
    options,
    name: options.name,
    adapter,
    byApp: options.writes === 'by-app',
    mount: path === undefined ? onResource : belowMount(path),
    key: options.key ?? ((_, params) => params[parameter]),
    safeMethods: new Set([...SAFE_METHODS, ...(options.safeMethods ?? [])]),
    schema: options.schema && compileSchema(options.schema, options.ajv),
    lock: options.lock && readLock(options.lock),
    idempotency: options.idempotency && readIdempotency(`${caller}(): idempotency`, options.idempotency),
    editLocks: options.editLocks,
    members: readMembers(options),
    lifecycle: options.lifecycle && readLifecycle(options.lifecycle),
    required: preconditions.required ?? true,
    acceptWeakForms: preconditions.weak === 'accept',
    tagSuffixes: preconditions.tagSuffixes ?? TAG_SUFFIXES,
    versionQuery: preconditions.versionQuery,
    notModifiedLate: preconditions.notModified === 'late',
    tag: tag === 'version' ? versionTag : tag,
    alreadyApplied: new Set(options.alreadyApplied ?? ['DELETE']),
    create: new Set(options.create ?? ['PUT', 'POST']),
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
  checkOptions(caller, options, OPTIONS, ['name', 'adapter'])
  checkOptions(`${caller}: preconditions`, options.preconditions ?? {}, PRECONDITIONS)
  checkOptions(`${caller}: status`, options.status ?? {}, STATUS)
  if (options.lock) checkOptions(`${caller}: lock`, options.lock, LOCK, ['manager'])
  else if (options.isolation === 'lock')
    throw new TypeError(`${caller}: isolation: 'lock' needs lock: { manager }, such as memoryLocks().`)
  if (options.isolation === 'transaction' && typeof options.adapter.transaction !== 'function')
    throw new TypeError(
      `${caller}: isolation: 'transaction' needs an adapter with a transaction method, such as sqlAdapter() has; leave isolation out, and a compare-and-swap keeps one resource right.`,
    )
  if (options.merge !== undefined) checkMerge(caller, options)
  if (options.lifecycle) checkLifecycle(`${caller}: lifecycle`, options.lifecycle)
  if (options.writes !== 'by-app' && typeof options.adapter.write !== 'function')
    throw new TypeError(
      `${caller}: the adapter has no write method. Give it one, or say writes: 'by-app' and write in the handler, with the version in your own WHERE.`,
    )
}

/** A merge needs the state that the change was made from, and a tag that says which one that is. */
function checkMerge<T>(caller: string, { adapter, tag = 'version' }: ConflictOptions<T>): void {
  if (typeof adapter.readVersion !== 'function')
    throw new TypeError(
      `${caller}: merge needs an adapter with a readVersion method, such as memoryAdapter({ history: 100 }); leave merge out, and a change of an old state is refused.`,
    )
  if (tag !== 'version')
    throw new TypeError(
      `${caller}: merge needs tag: 'version'; from another tag nobody can tell which version it stands for.`,
    )
}

/** A state that nothing is said of is most likely a slip of the pen. */
function checkLifecycle(caller: string, lifecycle: LifecycleOptions): void {
  checkOptions(caller, lifecycle, LIFECYCLE, ['field'])
  const { transitions, initial = [], frozen = [], gone = [] } = lifecycle
  if (transitions === undefined) return
  const known = new Set([...Object.keys(transitions), ...frozen, ...gone])
  const unknown = [...initial, ...Object.values(transitions).flat()].find((state) => !known.has(state))
  if (unknown !== undefined)
    throw new TypeError(
      `${caller} leads to ${show(unknown)}, of which nothing is said. Add ${show(unknown)}: [] to transitions if it is a final state.`,
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

function readLock({ manager, waitMs, leaseMs, maxHoldMs, maxWaiting, key, methods }: LockOptions): LockSettings {
  return {
    manager,
    waitMs: waitMs ?? 5000,
    leaseMs: leaseMs ?? 10_000,
    maxHoldMs: maxHoldMs ?? 60_000,
    maxWaiting: maxWaiting ?? 100,
    key,
    methods: methods && new Set(methods),
  }
}

function readLifecycle({ field, frozen, gone, initial, transitions }: LifecycleOptions): Lifecycle {
  return {
    field: parsePointer(field),
    frozen: new Set(frozen),
    gone: new Set(gone),
    initial: initial && new Set(initial),
    transitions: transitions && new Map(Object.entries(transitions).map(([from, to]) => [from, new Set(to)])),
  }
}

/** Relative to the host: what stands in front of the app is not known here. */
export function belowRequest(req: Request, key: string): string {
  return `${(req.baseUrl + req.path).replace(/\/+$/, '')}/${encodeURIComponent(key)}`
}

const merged = new WeakMap<object, WeakMap<object, unknown>>()

/** Stages that were given different parts of the options work with all of them together. */
export function mergedSettings<T>(first: Settings<T>, second: Settings<T>): Settings<T> {
  if (first.options === second.options) return first
  const known = merged.get(first) ?? new WeakMap<object, unknown>()
  merged.set(first, known)
  const result =
    (known.get(second) as Settings<T> | undefined) ??
    readSettings('express-conflict', mergedOptions(first.options, second.options))
  known.set(second, result)
  return result
}

function mergedOptions<T>(first: ConflictOptions<T>, second: ConflictOptions<T>): ConflictOptions<T> {
  const options = { ...first, ...second }
  if (!first.preconditions || !second.preconditions) return options
  // Each condition is an option of its own: the version is found by one stage and evaluated by the next.
  return { ...options, preconditions: { ...first.preconditions, ...second.preconditions } }
}
