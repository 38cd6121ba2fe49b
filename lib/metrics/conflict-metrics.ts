import { type Meter, metrics } from '@opentelemetry/api'
import type { ConflictError } from '../conflicts/conflicts'
import { checkOptions } from '../options'

/** Where the counts go. */
export interface ConflictMetricsOptions {
  /**
   * Default: `metrics.getMeter('express-conflict')` of the global provider. Where no SDK was set up before, that counts
   * nothing, and goes on counting nothing.
   */
  readonly meter?: Meter
}

/** The listeners of a chain that count: `{ name: 'article', adapter, ...conflictMetrics() }`. */
export interface ConflictMetrics {
  onConflict(event: { readonly name: string; readonly method: string; readonly conflict: ConflictError }): void
  onCommitted(event: { readonly name: string; readonly outcome: string; readonly tries: number }): void
}

/**
 * Counts conflicts, commits and the races behind them with OpenTelemetry.
 *
 * The attributes come from closed sets: the name of the resource, the method, the kind, its status, the outcome. Keys,
 * versions and users are never among them, so the number of series does not grow with the data.
 */
export function conflictMetrics(options: ConflictMetricsOptions = {}): ConflictMetrics {
  checkOptions('conflictMetrics()', options, EXPECTED)
  const { meter = metrics.getMeter('express-conflict') } = options
  const conflicts = meter.createCounter('express_conflict.conflicts', {
    description: 'Requests that were refused, by kind.',
    unit: '{conflict}',
  })
  const commits = meter.createCounter('express_conflict.commits', {
    description: 'Changes that were committed.',
    unit: '{commit}',
  })
  const lostRaces = meter.createCounter('express_conflict.lost_races', {
    description: 'Writes that met another and were tried again, of changes that were committed in the end.',
    unit: '{race}',
  })
  return {
    onConflict({ name, method, conflict }) {
      conflicts.add(1, {
        'express_conflict.resource': name,
        'express_conflict.code': conflict.code,
        'http.request.method': method,
        'http.response.status_code': conflict.status,
      })
    },
    onCommitted({ name, outcome, tries }) {
      commits.add(1, { 'express_conflict.resource': name, 'express_conflict.outcome': outcome })
      if (tries > 1) lostRaces.add(tries - 1, { 'express_conflict.resource': name })
    },
  }
}

const EXPECTED = {
  meter: {
    holds: (value: unknown) => typeof (value as Partial<Meter> | null)?.createCounter === 'function',
    what: 'what getMeter("my-app") of a MeterProvider gives',
  },
}
