import type { Request } from 'express'
import type { ConflictError } from '../../conflicts/conflicts'
import { callListener } from '../../conflicts/events'
import { sha256 } from '../../json/sha256'
import type { GuardedRequest } from './guarded-request'

/**
 * The methods that a logger needs, as pino and `console` have them. If yours takes the message first, swap the
 * arguments.
 */
export interface ConflictLogger {
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** A request that was refused, or would have been. */
export interface LoggedConflict {
  readonly req: Request
  /** Missing where a body parser refused it in front of every chain. */
  readonly guarded:
    | (Pick<GuardedRequest<unknown>, 'key'> & { readonly settings: { readonly name: string } })
    | undefined
  readonly conflict: ConflictError
  readonly instance: string
  readonly enforced: boolean
}

export type ConflictLog = (occurrence: LoggedConflict) => void

/** The most lines of one kind in one window. After that, only their number is logged. */
const MOST_LINES = 100
const WINDOW_MS = 10_000

/** The given logger, or `req.log`, which pino-http sets. Without either, only faults are logged, to `console.error`. */
export function loggerOf(req: Request, logger: ConflictLogger | undefined): ConflictLogger {
  if (logger) return logger
  const { log } = req as { readonly log?: Partial<ConflictLogger> }
  return typeof log?.warn === 'function' && typeof log.error === 'function' ? (log as ConflictLogger) : CONSOLE
}

/** Logs one line for each conflict. It never contains a body, a tag or a token, and only a hash of the key. */
export function conflictLog(logger: ConflictLogger | undefined): ConflictLog {
  const windows = new Map<string, { lines: number }>()
  return ({ req, guarded, conflict, instance, enforced }) => {
    const { code, status, message, cause } = conflict
    const isFault = status >= 500 && enforced
    const to = loggerOf(req, logger)
    if (to === CONSOLE && !isFault) return
    const level = isFault ? 'error' : 'warn'
    const window = windows.get(code) ?? { lines: 0 }
    window.lines += 1
    if (window.lines === 1) {
      windows.set(code, window)
      setTimeout(() => {
        windows.delete(code)
        const notLogged = window.lines - MOST_LINES
        if (notLogged > 0)
          callListener(() =>
            to[level]({ code, status, notLogged }, `${notLogged} more ${code} in ${WINDOW_MS / 1000} s`),
          )
      }, WINDOW_MS).unref()
    }
    if (window.lines > MOST_LINES) return
    const about = guarded && { name: guarded.settings.name, keyHash: hashOf(guarded) }
    const fields = {
      instance,
      code,
      status,
      method: req.method,
      ...about,
      ...(enforced ? { err: cause } : { enforced }),
    }
    to[level](fields, enforced ? message : `Let through in report mode: ${message}`)
  }
}

/** The same in every process, so that lines about one resource can be found. */
function hashOf({ settings, key }: NonNullable<LoggedConflict['guarded']>): string | undefined {
  if (key === undefined) return undefined
  return sha256(JSON.stringify([settings.name, key]), 'base64url').slice(0, 16)
}

const CONSOLE: ConflictLogger = {
  warn: () => undefined,
  error: (fields, message) => {
    // As an argument of its own, because inside an object its causes would be cut off.
    const { err, ...rest } = fields as { readonly err?: unknown }
    if (err !== undefined) console.error(message, rest, err)
  },
}

/** The logs of all responders. */
const logs = new WeakMap<object, ConflictLog>()

export function keepLog(responder: object, log: ConflictLog): void {
  logs.set(responder, log)
}

interface App {
  readonly _router?: Stacked
  readonly router?: Stacked
  readonly parent?: App
}

interface Stacked {
  readonly stack?: readonly { readonly handle?: unknown }[]
}

/**
 * The log of the responder that would have answered, for requests that are let through and never reach it. The responder
 * is mounted in the app of the request, or in an app above it.
 */
export function logFor(req: Request): ConflictLog | undefined {
  let app = req.app as unknown as App | undefined
  while (app) {
    // Express 4 throws when `router` is read.
    const log = logIn(app._router ?? app.router)
    if (log) return log
    app = app.parent
  }
  return undefined
}

function logIn(router: Stacked | undefined): ConflictLog | undefined {
  const handles = (router?.stack ?? []).map(({ handle }) => handle).filter((handle) => typeof handle === 'function')
  const responder = handles.find((handle) => logs.has(handle))
  if (responder) return logs.get(responder)
  for (const handle of handles) {
    const log = logIn(handle as Stacked)
    if (log) return log
  }
  return undefined
}
