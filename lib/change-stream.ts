import type { Request, Response } from 'express'
import { ConflictError, conflictOf } from './conflicts/conflicts'
import type { MessageBus } from './contracts/bus'
import { isObject } from './json/pointer'
import { chainOf } from './middleware/chain/chain'
import { definitionOf, type ResourceOrOptions } from './middleware/options/definition'
import { onRoute, refuseMounted } from './middleware/options/mount'
import { truncatedHeaders } from './middleware/preconditions/conditions'
import { type ConflictMiddleware, conflictMiddleware, failing } from './middleware/request/conflict-middleware'
import { find, type Stage } from './middleware/request/guarded-request'
import { refusal } from './middleware/request/refuse'
import { signalsOfBus, signalsOfProcess } from './middleware/watching/signals'
import { watchersOf } from './middleware/watching/watchers'
import { checkOptions, type Expectation } from './options'

/** The bus between processes, and how many clients may watch. */
export interface ChangeStreamOptions {
  /** Carries changes to the clients of other processes: `redisBus({ client })` or `postgresBus({ pool })`. Default: this process only. */
  readonly bus?: MessageBus
  /** How many clients may watch in this process, over all resources. Others get 503 `queue_full`. Default: 10000. */
  readonly maxWatchers?: number
}

/** A handler for GET on a route below a resource, such as `/articles/:id/changes`. */
export interface ChangeStream<T = unknown> extends ConflictMiddleware<T> {
  /** Call this after a change that did not go through a chain, such as that of a background job. */
  changed(key: string): void
  /** Ends all streams. Call it before `server.close()`, which waits for open connections. */
  stop(): void
}

const OPTIONS: Readonly<Record<keyof ChangeStreamOptions, Expectation>> = {
  bus: {
    holds: (value) => isObject(value) && ['publish', 'subscribe'].every((name) => name in value),
    what: 'a MessageBus, such as redisBus({ client })',
  },
  maxWatchers: { holds: (value) => Number.isSafeInteger(value) && Number(value) > 0, what: 'a positive integer' },
}

const METHODS = 'GET, HEAD'

/** Reads no state. The stream does that after it has subscribed to changes. */
const begins: Stage = { name: 'changeStream', role: 'enters', prepare: ({ req }) => truncatedHeaders(req) }

/**
 * Tells clients by server-sent events that a resource was changed or removed, or that somebody edits it:
 * `app.get('/articles/:id/changes', changeStream(article))`.
 *
 * An event has the new version and the result of `expose`. `allow` is asked again for each event. A client that reconnects
 * with `Last-Event-ID` gets the current state if it missed a change. Commits cost nothing extra while nobody watches.
 */
export function changeStream<T>(resource: ResourceOrOptions<T>, options: ChangeStreamOptions = {}): ChangeStream<T> {
  refuseMounted('changeStream', resource, 'app.get(path, changeStream(article))')
  checkOptions('changeStream()', options, OPTIONS)
  const definition = definitionOf('changeStream', resource)
  const { bus, maxWatchers = 10_000 } = options
  const chain = chainOf('changeStream', definition, [begins], { mount: onRoute })
  const watchers = watchersOf<T>(maxWatchers, (looks) =>
    bus ? signalsOfBus(definition.name, bus, looks) : signalsOfProcess(definition.name, looks),
  )
  let isStopped = false

  async function serve(req: Request, res: Response, next: () => void): Promise<void> {
    const guarded = find(req, definition)
    if (guarded === undefined || 'passed' in guarded) return next()
    try {
      if (!guarded.isSafe) throw new ConflictError('method_not_allowed', { headers: { Allow: METHODS } })
      // The client tries again and reaches another process.
      if (isStopped) throw new ConflictError('backend_unavailable', { retryAfterS: 1 })
      const refused = await watchers.add(guarded)
      if (refused) throw refused
      if (req.method === 'HEAD') res.end()
    } catch (error) {
      const conflict = conflictOf(error)
      throw conflict ? await refusal(guarded, conflict) : error
    }
  }

  const middleware = conflictMiddleware<T>(
    'changeStream',
    (req, res, next) => {
      chain(req, res, (error) => {
        if (error) next(error)
        else serve(req, res, next).catch(failing(next))
      })
    },
    { stages: ['changeStream'], resource: definition },
  )
  return Object.assign(middleware, {
    changed: watchers.changed,
    stop() {
      isStopped = true
      watchers.stop()
    },
  })
}
