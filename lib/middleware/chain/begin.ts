import type { Request, Response } from 'express'
import { show } from '../../options'
import type { Definition } from '../options/definition'
import { isMount, type Mount } from '../options/mount'
import { makeDictionaries } from '../request/conflict-middleware'
import { find, type GuardedRequest, type Passed, remember } from '../request/guarded-request'
import { guardHead, keepOffExpressTag } from './answer-head'

/** A mounted chain: its definition, and how it finds the resource that a request is about. */
export interface Placement<T> {
  readonly definition: Definition<T>
  readonly mount: Mount
  readonly key: Definition<T>['key']
  /** For a parent: it also checks requests below its mount, but only whether they may see the parent. */
  readonly guardsBelow: boolean
  /** The function that is in the stack of Express. */
  readonly middleware: unknown
}

/** Begins to guard a request; `undefined` if this chain is not responsible for it. */
export function begin<T>(req: Request, res: Response, placement: Placement<T>): GuardedRequest<T> | undefined {
  const { definition } = placement
  const { method } = req
  // OPTIONS and TRACE (RFC 9110 §9.3.7, §9.3.8) neither show a state nor change one.
  if (method === 'OPTIONS' || method === 'TRACE' || isSkipped(req, definition))
    return letPass(req, definition, 'skipped')
  const mounted = placement.mount(req, placement.middleware)
  const isAbove = mounted === undefined && placement.guardsBelow && !canNeverMatch(req, definition)
  const params = isAbove ? (req.params as Record<string, string>) : mounted
  const isSafe = definition.safeMethods.has(method)
  if (params === undefined) {
    const isMisplaced = canNeverMatch(req, definition)
    // A chain with `allow` that can never match must fail and not let requests through.
    if (isMisplaced && definition.options.allow) mustBeKey(undefined, definition, req)
    if (isMisplaced && !isSafe) guardHead(res)
    return letPass(req, definition, isMisplaced && !isSafe ? 'misplaced' : 'elsewhere')
  }
  const key = placement.key(req, params)
  if (key === undefined && !isAbove && (isSafe || isOnCollection(req, definition)))
    return letPass(req, definition, 'skipped')
  if (key !== undefined || method !== 'POST' || isAbove) mustBeKey(key, definition, req)
  const begun = find(req, definition)
  // An earlier stage began it, and has only waited so far, perhaps for a lock. With another key it is another resource.
  if (begun && !('passed' in begun) && begun.attempt === undefined && keyInRequest(begun) === key) return begun
  makeDictionaries(req, res)
  const guarded: GuardedRequest<T> = {
    req,
    res,
    method,
    headers: req.headers,
    settings: definition,
    key: key as string | undefined,
    isSafe,
    isAbove,
    isNew: key === undefined,
    stages: [],
    conditions: undefined,
    sent: undefined,
    attempt: undefined,
    leases: [],
    transaction: undefined,
    progress: { at: 'open' },
    newText: undefined,
    shown: [],
    notModifiedLate: false,
    isReported: false,
    readAhead: undefined,
  }
  remember(req, guarded)
  guardHead(res)
  if (!isSafe) keepOffExpressTag(req, res)
  return guarded
}

/** A promise would be taken for "yes", and everything would be let through. */
function isSkipped<T>(req: Request, { name, options }: Definition<T>): boolean {
  const answer: unknown = options.skip?.(req)
  if (isPromise(answer))
    throw new TypeError(
      `skip of the ${name} gave a promise on ${req.method} ${req.baseUrl}${req.path}, and it cannot wait: look up what it needs in a middleware in front, and put it on the request.`,
    )
  return Boolean(answer)
}

/** The error that says so is enough: a promise that nobody asked for must not end the process when it rejects. */
function isPromise(value: unknown): boolean {
  if (typeof (value as PromiseLike<unknown> | null | undefined)?.then !== 'function') return false
  Promise.resolve(value).catch(() => {})
  return true
}

/** The chain is mounted above the resources and cannot find their key, so it would let all requests through. */
function canNeverMatch<T>({ params }: Request, { options }: Definition<T>): boolean {
  return options.path === undefined && options.key === undefined && !('id' in params)
}

function letPass<T>(req: Request, passed: Definition<T>, because: Passed<T>['because']): undefined {
  remember(req, { passed, because })
  return undefined
}

/** The key in the request. A new resource gets its key later. */
function keyInRequest<T>({ key, isNew }: GuardedRequest<T>): string | undefined {
  return isNew ? undefined : key
}

/**
 * Continues what an earlier stage began. If there was none, it throws, because otherwise everything would be let
 * through.
 */
export function goOn<T>(req: Request, placement: Placement<T>, stage: string): GuardedRequest<T> | undefined {
  const { definition } = placement
  const { name } = definition
  const begun = find(req, definition)
  const params = placement.mount(req, placement.middleware)
  // The path is not that of the earlier stage either, or the earlier stage checked `skip`.
  if (begun && isUndecided(begun) && (params === undefined || ('passed' in begun && begun.because === 'skipped')))
    return undefined
  if (begun === undefined || isUndecided(begun) || begun.attempt === undefined)
    throw new Error(
      `${stage}(): no state of the ${name} was fetched on ${req.method} ${req.baseUrl}${req.path}. Mount fetchState() in front of it, on the same path, and give both the same definition: const ${name} = defineResource({ name: '${name}', … }).`,
    )
  const key = params && placement.key(req, params)
  if (key !== undefined && key !== keyInRequest(begun))
    throw new Error(
      `${stage}(): the key of the ${name} on ${req.method} ${req.baseUrl}${req.path} is ${JSON.stringify(key)} here, and was ${JSON.stringify(begun.key)} in fetchState(). Mount both on the same path.`,
    )
  return begun
}

function isUndecided<T>(
  begun: GuardedRequest<T> | Passed<T>,
): begun is Passed<T> | (GuardedRequest<T> & { isAbove: true }) {
  return 'passed' in begun || begun.isAbove
}

/**
 * With `path`, the chain also matches the collection, for POST. Other requests to the collection are about no resource.
 */
function isOnCollection<T>(req: Request, { options }: Definition<T>): boolean {
  return options.path !== undefined && isMount(req.path) && req.method !== 'POST'
}

function mustBeKey<T>(key: unknown, { name, options }: Definition<T>, req: Request): void {
  if (typeof key === 'string' && key !== '') return
  const seen = Array.isArray(key)
    ? `an array (a wildcard parameter; join it: key: (req) => req.params.path.join('/'))`
    : isPromise(key)
      ? 'a promise (key cannot wait: look up what it needs in a middleware in front, and put it on the request)'
      : show(key)
  const remedy = options.key
    ? `The key option has to give a non-empty string${typeof key === 'number' || typeof key === 'bigint' ? ': String(…)' : ''}.`
    : `Mount the chain where the parameter is: app.put('/${name}s/:id', chain, handler), app.use('/${name}s/:id', chain), or app.use('/${name}s', chain) with path: '/:id' (a router hides the parameters of its mount unless made with mergeParams: true); or give the key option.`
  throw new Error(
    `express-conflict: the key of the ${name} on ${req.method} ${req.baseUrl}${req.path} is ${seen}. ${remedy}`,
  )
}
