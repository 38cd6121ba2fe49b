import type { Request, Response } from 'express'
import { show } from '../../options'
import { isMount } from '../options/mount'
import { mergedSettings, type Settings } from '../options/settings'
import { find, type GuardedRequest, type Pass, remember } from '../request/guarded-request'
import { guardHeads, keepOffExpressTag } from './head'

/** Puts a request under guard; `undefined` for one that is not this chain's. */
export function begin<T>(
  req: Request,
  res: Response,
  settings: Settings<T>,
  middleware: unknown,
): GuardedRequest<T> | undefined {
  const { options, adapter } = settings
  const begun = find(req, adapter)
  // A stage in front of this one has only waited for a lock.
  if (begun !== undefined && begun !== 'passed' && begun.attempt === undefined) return joined(begun, settings)
  const { method } = req
  if (!isAboutState(method) || options.skip?.(req)) return letPass(req, { passed: adapter, isElsewhere: false })
  const mounted = settings.mount(req, middleware)
  const isAbove = mounted === undefined && settings.above !== undefined && !canNeverMatch(req, settings)
  const params = isAbove ? (req.params as Record<string, string>) : mounted
  const isSafe = settings.safeMethods.has(method)
  if (params === undefined) {
    const isMisplaced = !isSafe && canNeverMatch(req, settings)
    if (isMisplaced) guardHeads(req, res)
    return letPass(req, { passed: adapter, isElsewhere: true, misplaced: isMisplaced ? settings.name : undefined })
  }
  const key = settings.key(req, params)
  if (key === undefined && !isAbove && (isSafe || isOnCollection(req, settings)))
    return letPass(req, { passed: adapter, isElsewhere: false })
  if (key !== undefined || method !== 'POST' || isAbove) mustBeKey(key, settings, req)
  const guarded: GuardedRequest<T> = {
    req,
    res,
    method,
    headers: req.headers,
    settings: isAbove && settings.above ? settings.above : settings,
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
    beforeCommit: undefined,
    progress: { at: 'open' },
    shown: [],
    notModifiedLate: false,
    readAhead: undefined,
  }
  remember(req, guarded)
  guardHeads(req, res)
  if (!isSafe) keepOffExpressTag(req, res)
  return guarded
}

/** Above the resources, and without a word on where their key is: then it passes them all. */
function canNeverMatch<T>({ params }: Request, { options }: Settings<T>): boolean {
  return options.path === undefined && options.key === undefined && !('id' in params)
}

function letPass<T>(req: Request, pass: Pass<T>): undefined {
  remember(req, pass)
  return undefined
}

/** What an earlier stage began. A later one on its own would let everything pass: it fails instead. */
export function goOn<T>(req: Request, settings: Settings<T>, stage: string): GuardedRequest<T> | undefined {
  const guarded = find(req, settings.adapter)
  if (guarded === 'passed' || guarded?.isAbove) return undefined
  if (guarded?.attempt === undefined)
    throw new Error(
      `${stage}(): no state was fetched on this request. Mount fetchState() with the same adapter in front of it.`,
    )
  return joined(guarded, settings)
}

function joined<T>(guarded: GuardedRequest<T>, settings: Settings<T>): GuardedRequest<T> {
  guarded.settings = mergedSettings(guarded.settings, settings)
  return guarded
}

/** OPTIONS and TRACE (RFC 9110 §9.3.7, §9.3.8) neither show a state nor change one. */
function isAboutState(method: string): boolean {
  return method !== 'OPTIONS' && method !== 'TRACE'
}

/** Below a mount the collection itself is matched too, for POST. What else is sent there is about no resource. */
function isOnCollection<T>(req: Request, { options }: Settings<T>): boolean {
  return options.path !== undefined && isMount(req.path) && req.method !== 'POST'
}

function mustBeKey<T>(key: unknown, { name, options }: Settings<T>, req: Request): void {
  if (typeof key === 'string' && key !== '') return
  const seen = Array.isArray(key)
    ? `an array (a wildcard parameter; join it: key: (req) => req.params.path.join('/'))`
    : typeof (key as PromiseLike<unknown> | null)?.then === 'function'
      ? 'a promise (key cannot wait: look up what it needs in a middleware in front, and put it on the request)'
      : show(typeof key === 'bigint' ? Number(key) : key)
  const remedy = options.key
    ? `The key option has to give a non-empty string${typeof key === 'number' || typeof key === 'bigint' ? ': String(…)' : ''}.`
    : `Mount the chain where the parameter is: app.put('/${name}s/:id', chain, handler), app.use('/${name}s/:id', chain), or app.use('/${name}s', chain) with path: '/:id' (a router hides the parameters of its mount unless made with mergeParams: true); or give the key option.`
  throw new Error(
    `express-conflict: the key of the ${name} on ${req.method} ${req.baseUrl}${req.path} is ${seen}. ${remedy}`,
  )
}
