import type { Request } from 'express'

/**
 * The methods that a logger needs, as pino and `console` have them. If yours takes the message first, swap the
 * arguments.
 */
export interface ConflictLogger {
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** By the responder that was given it. */
const loggers = new WeakMap<object, ConflictLogger>()

export function keepLogger(responder: object, logger: ConflictLogger): void {
  loggers.set(responder, logger)
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
 * The logger of the responder that would have answered the request, for what goes through and never gets there. It stands
 * in the app of the request, or in one that this is mounted in.
 */
export function loggerFor(req: Request): ConflictLogger | undefined {
  let app = req.app as unknown as App | undefined
  while (app) {
    // Express 4 throws when `router` is read.
    const logger = loggerIn(app._router ?? app.router)
    if (logger) return logger
    app = app.parent
  }
  return undefined
}

function loggerIn(router: Stacked | undefined): ConflictLogger | undefined {
  const handles = (router?.stack ?? []).map(({ handle }) => handle).filter((handle) => typeof handle === 'function')
  const responder = handles.find((handle) => loggers.has(handle))
  if (responder) return loggers.get(responder)
  for (const handle of handles) {
    const logger = loggerIn(handle as Stacked)
    if (logger) return logger
  }
  return undefined
}
