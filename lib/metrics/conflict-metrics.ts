import { type Attributes, type Meter, metrics } from '@opentelemetry/api'
import { type ConflictEvents, subscribe } from '../conflicts/events'
import { checkOptions } from '../options'

/** Options of `conflictMetrics`. */
export interface ConflictMetricsOptions {
  /**
   * The meter. Default: `metrics.getMeter('express-conflict')` of the global provider. If no SDK was set up before,
   * that meter counts nothing, even if one is set up later.
   */
  readonly meter?: Meter
}

/** The counting that `conflictMetrics` has begun. */
export interface ConflictMetrics {
  /** Stops counting. */
  stop(): void
}

/**
 * Counts conflicts, commits and lost races, and measures the time of locks and reads, with OpenTelemetry, for all
 * chains of the process.
 *
 * Attributes come from bounded sets. Keys, versions and users are never among them, so the number of series depends
 * neither on the data nor on what clients invent.
 */
export function conflictMetrics(options: ConflictMetricsOptions = {}): ConflictMetrics {
  checkOptions('conflictMetrics()', options, EXPECTED)
  const { meter = metrics.getMeter('express-conflict') } = options
  const ends = [...countAnswers(meter), ...timeWork(meter)]
  return {
    stop: () => {
      for (const end of ends) end()
    },
  }
}

const EXPECTED = {
  meter: {
    holds: (value: unknown) => typeof (value as Partial<Meter> | null)?.createCounter === 'function',
    what: 'what getMeter("my-app") of a MeterProvider gives',
  },
}

const RESOURCE = 'express_conflict.resource'
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const TRIES = [1, 2, 3, 5, 8, 13, 21]

function countAnswers(meter: Meter): (() => void)[] {
  const counter = (name: string, unit: string, description: string) =>
    meter.createCounter(`express_conflict.${name}`, { unit: `{${unit}}`, description })
  const conflicts = counter('conflicts', 'conflict', 'Requests that were refused, by kind.')
  const commits = counter('commits', 'commit', 'Changes that were committed.')
  const lostRaces = counter('lost_races', 'race', 'Writes that met another one and were tried again.')
  const merges = counter('merges', 'merge', 'Changes of an older state that were merged.')
  const replays = counter('replays', 'replay', 'Answers that an Idempotency-Key gave again.')
  const tries = meter.createHistogram('express_conflict.commit.tries', {
    unit: '{try}',
    description: 'How often a change was written until it was committed.',
    advice: { explicitBucketBoundaries: TRIES },
  })
  const routes = boundedRoutes()
  return [
    subscribe('conflict', ({ name = 'none', method, route, conflict, enforced }) =>
      conflicts.add(1, {
        [RESOURCE]: name,
        'error.type': conflict.code,
        'express_conflict.enforced': enforced,
        'http.request.method': methodOf(method),
        'http.response.status_code': conflict.status,
        ...routes(route),
      }),
    ),
    subscribe('committed', ({ name, outcome, method, route, tries: count, conditional }) => {
      const attributes = {
        [RESOURCE]: name,
        'express_conflict.outcome': outcome,
        'express_conflict.conditional': conditional,
      }
      commits.add(1, { ...attributes, 'http.request.method': methodOf(method), ...routes(route) })
      tries.record(count, { [RESOURCE]: name })
    }),
    subscribe('retry', ({ name }) => lostRaces.add(1, { [RESOURCE]: name })),
    subscribe('merge', ({ name }) => merges.add(1, { [RESOURCE]: name })),
    subscribe('replay', ({ name }) => replays.add(1, { [RESOURCE]: name })),
  ]
}

function timeWork(meter: Meter): (() => void)[] {
  const histogram = (name: string, description: string) =>
    meter.createHistogram(`express_conflict.${name}`, {
      ...{ unit: 's', description },
      advice: { explicitBucketBoundaries: SECONDS },
    })
  const waits = histogram('lock.wait.duration', 'How long requests waited for a lock.')
  const reads = histogram('read.duration', 'How long the adapter took to read a state.')
  const losses = meter.createCounter('express_conflict.lock.losses', {
    ...{ unit: '{lock}', description: 'Locks that ended while the handler was at work.' },
  })
  const load = new Map<string, { readonly waiting: number; readonly held: number }>()
  const gauge = (name: string, unit: string, member: 'waiting' | 'held', description: string) => {
    const observable = meter.createObservableGauge(`express_conflict.lock.${name}`, { unit: `{${unit}}`, description })
    const observe = (result: { observe(value: number, attributes: Attributes): void }) => {
      for (const [resource, figures] of load) result.observe(figures[member], { [RESOURCE]: resource })
    }
    observable.addCallback(observe)
    return () => observable.removeCallback(observe)
  }
  return [
    subscribe('lock', ({ name, event, waitedMs, waiting, held }: ConflictEvents['lock']) => {
      load.set(name, { waiting, held })
      if (event === 'granted' || event === 'refused')
        waits.record(waitedMs / 1000, { [RESOURCE]: name, 'express_conflict.outcome': event })
      if (event === 'lost') losses.add(1, { [RESOURCE]: name })
    }),
    subscribe('read', ({ name, tookMs, failed }) =>
      reads.record(tookMs / 1000, { [RESOURCE]: name, ...(failed ? { 'error.type': 'backend_unavailable' } : {}) }),
    ),
    gauge('waiting', 'request', 'waiting', 'Requests of this process that wait for a lock.'),
    gauge('held', 'lock', 'held', 'Locks that this process holds.'),
  ]
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'QUERY', 'OPTIONS', 'TRACE', 'CONNECT'])

/** As in the semantic conventions, all methods that a client invents become one value. */
const methodOf = (method: string) => (METHODS.has(method) ? method : '_OTHER')

const MOST_ROUTES = 200

/** Bounds the number of routes: behind a mount whose parameters are hidden, a route may contain a client's value. */
function boundedRoutes(): (route: string | undefined) => Attributes {
  const known = new Set<string>()
  return (route) => {
    if (route === undefined) return {}
    if (known.size < MOST_ROUTES) known.add(route)
    return known.has(route) ? { 'http.route': route } : {}
  }
}
