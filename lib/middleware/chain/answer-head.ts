import type { ServerResponse } from 'node:http'
import type { Request, Response } from 'express'
import type { ConflictError } from '../../conflicts/conflicts'
import { cacheGroup, listWith, staleGroups } from '../../http/cache-groups'
import { endLockOfRemoved } from '../edit-locks/edit-lock-conflict'
import { isRetrieval } from '../preconditions/verdict'
import { guardOf } from '../request/answer-guard'
import { find, type GuardedRequest, guardedOn, isDone, isParent, misplacedOn } from '../request/guarded-request'
import { conflictOn } from '../request/refuse'

/**
 * Corrects the head of an answer just before it is sent, when its status is known. The validators of a state are wrong
 * on an error, and Express's own weak tag is a hash of the answer, which no later `If-Match` can use.
 */
export function guardHead(res: Response): void {
  guardOf(res).onHead = correctHeads
}

function correctHeads(res: Response, status: number): number {
  let corrected = status
  const all = guardedOn(res.req)
  for (const guarded of all) corrected = correctHead(guarded, res, corrected)
  if (all.length === 0 && status >= 200 && status < 300) warnOfMisplaced(res.req)
  return corrected
}

function correctHead<T>(guarded: GuardedRequest<T>, res: ServerResponse, status: number): number {
  const isSuccess = status >= 200 && status < 300
  if (guarded.isSafe && (isSuccess || status === 304)) demandRevalidation(guarded, res)
  if (guarded.settings.options.cacheGroups) showGroups(guarded, res, status)
  if (isSuccess && guarded.notModifiedLate) {
    for (const field of ['Content-Type', 'Content-Length', 'Transfer-Encoding']) res.removeHeader(field)
    return 304
  }
  if (!isSuccess && status !== 304 && status !== 412) {
    for (const { field, value } of guarded.shown) if (res.getHeader(field) === value) res.removeHeader(field)
  }
  const tag = res.getHeader('ETag')
  if (tag === NO_TAG) res.removeHeader('ETag')
  if (!(guarded.isSafe && status < 400) && typeof tag === 'string' && tag.startsWith('W/')) res.removeHeader('ETag')
  if (!guarded.isSafe && isSuccess) warnOfForgottenCommit(guarded)
  if (status >= 400) warnOfHiddenConflict(guarded.req, res, status)
  if (isSuccess && guarded.settings.byApp) endLockIfRemoved(guarded, status)
  return status
}

/**
 * If an answer has `Last-Modified` but no freshness, browsers and proxies cache it heuristically (RFC 9111 §4.2.2), and
 * a client that has to read again would get the old state from them.
 */
function demandRevalidation<T>({ method, shown }: GuardedRequest<T>, res: ServerResponse): void {
  if (!isRetrieval(method) || shown.length === 0) return
  if (!res.hasHeader('Cache-Control') && !res.hasHeader('Expires')) res.setHeader('Cache-Control', 'no-cache')
}

/**
 * RFC 9875: a read says what it belongs to, a change what is stale. One that failed after its commit has changed
 * something.
 */
function showGroups<T>(guarded: GuardedRequest<T>, res: ServerResponse, status: number): void {
  const { settings, key, method, shown, isSafe, progress, stages } = guarded
  const { name } = settings
  // The first answer given again comes before any stage has run, and no cache may have seen it the first time.
  const isChanged = stages.length === 0 || !isParent(guarded)
  if (isSafe) {
    if (status < 400 && isRetrieval(method) && shown.length > 0)
      res.setHeader(GROUPS, listWith([cacheGroup(name, key)], res.getHeader(GROUPS)))
  } else if (isChanged && progress.at !== 'reported' && (status < 400 || progress.at === 'committed'))
    res.setHeader(STALE_GROUPS, listWith(staleGroups(name, key), res.getHeader(STALE_GROUPS)))
}

const GROUPS = 'Cache-Groups'
const STALE_GROUPS = 'Cache-Group-Invalidation'

/** A placeholder until the head is written: Express makes no tag if there is one. */
const NO_TAG = '"no tag"'

/**
 * With `app.set('etag', 'strong')` or a function, Express gives the answer to a change a strong tag: a hash of the
 * answer, which no later `If-Match` can use. Its weak tags can be recognised when the head is written; its strong ones
 * cannot.
 */
export function keepOffExpressTag(req: Request, res: Response): void {
  const setting: unknown = req.app?.get('etag')
  if ((setting === 'strong' || typeof setting === 'function') && !res.hasHeader('ETag')) res.setHeader('ETag', NO_TAG)
}

/**
 * If the app writes by itself, only the answer shows that it has removed the resource. 202 means that it has not done
 * so yet (RFC 9110 §15.3.3).
 */
function endLockIfRemoved<T>(guarded: GuardedRequest<T>, status: number): void {
  const { progress, attempt } = guarded
  if (status === 202 || progress.at !== 'open' || attempt?.change.action !== 'remove') return
  void endLockOfRemoved(guarded, attempt)
}

function warnOfMisplaced(req: Request): void {
  const name = misplacedOn(req)
  if (name === undefined || misplaced.has(name)) return
  misplaced.add(name)
  process.emitWarning(
    `${req.method} ${req.originalUrl} was answered with success, and the chain of the ${name} that is mounted above it let it pass: its mount has no parameter "id". Give path: '/:id', mount it where the parameter is, or give the key option.`,
    { type: 'ConflictWarning', code: 'EXPRESS_CONFLICT_NOT_GUARDED' },
  )
}

/**
 * Warns if the client did not get the conflict: after a fault it would try again or give up, and it cannot read an error
 * page. In neither case does it learn that it has to fetch the new state.
 */
function warnOfHiddenConflict(req: Request, res: ServerResponse, status: number): void {
  const conflict = conflictOn(req)
  if (conflict === undefined) return
  if (isPageOfExpress(res))
    warnOfHidden(
      'by Express',
      req,
      conflict,
      'Express answered with its own error page, for no error handler took it. Mount app.use(respondToConflicts()) behind your routes',
    )
  else if (status >= 500 && conflict.status < 500)
    warnOfHidden(
      'by the app',
      req,
      conflict,
      `the client got ${status}: an error handler of the app answered it. Mount app.use(respondToConflicts()) in front of your own error handlers, or let yours pass it on: if (isConflictError(error)) return next(error)`,
    )
}

/** If no error handler answers, Express's `finalhandler` does. It always sets these two fields. */
function isPageOfExpress(res: ServerResponse): boolean {
  return (
    res.getHeader('Content-Security-Policy') === "default-src 'none'" &&
    res.getHeader('X-Content-Type-Options') === 'nosniff' &&
    String(res.getHeader('Content-Type')).startsWith('text/html')
  )
}

const hidden = new Set<string>()

function warnOfHidden(how: string, req: Request, { status, code }: ConflictError, seen: string): void {
  if (hidden.has(how)) return
  hidden.add(how)
  process.emitWarning(`${req.method} ${req.originalUrl} was refused with ${status} ${code}, and ${seen}.`, {
    type: 'ConflictWarning',
    code: 'EXPRESS_CONFLICT_HIDDEN',
  })
}

const misplaced = new Set<string>()
const warned = new Set<string>()

function warnOfForgottenCommit<T>(guarded: GuardedRequest<T>): void {
  const { settings, req } = guarded
  if (isDone(guarded) || settings.byApp || !isToBeCommitted(guarded) || warned.has(settings.name)) return
  // The request went through two chains of this definition, and one of them has committed.
  if (find(req, settings) !== guarded) return
  warned.add(settings.name)
  const isUnderWay = guarded.progress.at === 'committing'
  process.emitWarning(
    `${req.method} on the ${settings.name} was answered with success${
      isUnderWay
        ? ' before its commit was done: an await is missing. await resourceOf(req, chain).commit(), and then answer; a refusal would reach nobody.'
        : ", but nothing was committed. Call resourceOf(req, chain).commit() in the handler, use commitChange(), or say writes: 'by-app' if the handler writes by itself."
    }`,
    { type: 'ConflictWarning', code: 'EXPRESS_CONFLICT_NOT_COMMITTED' },
  )
}

/** The handler of an action decides by itself what to do, so nothing has to be committed. */
function isToBeCommitted<T>(guarded: GuardedRequest<T>): boolean {
  const { proposed, action } = guarded.attempt?.change ?? {}
  return !isParent(guarded) && (proposed !== undefined || action === 'remove')
}
