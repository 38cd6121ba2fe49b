import { type Attributes, metrics } from '@opentelemetry/api'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { CONFLICTS, ConflictError, type ConflictKind } from '../../lib/conflicts/conflicts'
import { conflictMetrics } from '../../lib/metrics'

type Point = [sum: number, attributes: Attributes]

/** A provider, and what it has counted by now, by instrument. */
function counting() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1e9, exportTimeoutMillis: 1e6 })
  const provider = new MeterProvider({ readers: [reader] })
  return {
    provider,
    async counted() {
      await reader.forceFlush()
      const scopes = exporter.getMetrics().at(-1)?.scopeMetrics ?? []
      const counts: Record<string, Point[]> = {}
      for (const { descriptor, dataPoints } of scopes.flatMap((scope) => scope.metrics))
        counts[descriptor.name] = dataPoints.map(({ value, attributes }) => [value as number, attributes])
      return counts
    },
  }
}

const refused = (code: ConflictKind, method = 'PUT', name = 'article') => ({
  name,
  method,
  conflict: new ConflictError(code),
})
const committed = (tries = 1, outcome = 'replaced') => ({ name: 'article', outcome, tries })

test('conflicts are counted by resource, method, kind and status', async () => {
  const { provider, counted } = counting()
  const { onConflict } = conflictMetrics({ meter: provider.getMeter('app') })
  onConflict(refused('precondition_failed'))
  onConflict(refused('precondition_failed'))
  onConflict(refused('not_found', 'GET', 'author'))
  const attributes = (resource: string, code: string, method: string, status: number) => ({
    'express_conflict.resource': resource,
    'express_conflict.code': code,
    'http.request.method': method,
    'http.response.status_code': status,
  })
  expect(await counted()).toEqual({
    'express_conflict.conflicts': [
      [2, attributes('article', 'precondition_failed', 'PUT', 412)],
      [1, attributes('author', 'not_found', 'GET', 404)],
    ],
  })
})

test('commits are counted by outcome, and the races on the way to them', async () => {
  const { provider, counted } = counting()
  const { onCommitted } = conflictMetrics({ meter: provider.getMeter('app') })
  onCommitted(committed())
  onCommitted(committed(3))
  onCommitted(committed(2, 'removed'))
  const resource = { 'express_conflict.resource': 'article' }
  expect(await counted()).toEqual({
    'express_conflict.commits': [
      [2, { ...resource, 'express_conflict.outcome': 'replaced' }],
      [1, { ...resource, 'express_conflict.outcome': 'removed' }],
    ],
    'express_conflict.lost_races': [[3, resource]],
  })
})

test('there are as many series as there are kinds, however many keys', async () => {
  const { provider, counted } = counting()
  const { onConflict, onCommitted } = conflictMetrics({ meter: provider.getMeter('app') })
  for (const code of Object.keys(CONFLICTS) as ConflictKind[])
    for (let id = 0; id < 100; id++) onConflict({ ...refused(code), key: `key ${id}` } as never)
  for (let id = 0; id < 100; id++) onCommitted({ ...committed(2), key: `key ${id}`, version: `${id}` } as never)
  const counts = await counted()
  expect(Object.entries(counts).map(([name, points]) => [name, points.length])).toEqual([
    ['express_conflict.conflicts', Object.keys(CONFLICTS).length],
    ['express_conflict.commits', 1],
    ['express_conflict.lost_races', 1],
  ])
})

test('without a meter it is the global provider that counts, where there is one', async () => {
  expect(() => conflictMetrics().onConflict(refused('frozen'))).not.toThrow()
  const { provider, counted } = counting()
  metrics.setGlobalMeterProvider(provider)
  conflictMetrics().onConflict(refused('frozen'))
  metrics.disable()
  expect((await counted())['express_conflict.conflicts']).toEqual([
    [1, expect.objectContaining({ 'express_conflict.code': 'frozen' })],
  ])
})

test.each<[object, RegExp]>([
  [{ meters: 1 }, /there is no option "meters". Did you mean "meter"/],
  [
    { meter: null },
    /conflictMetrics\(\): meter has to be what getMeter\("my-app"\) of a MeterProvider gives; got null/,
  ],
  [{ meter: {} }, /meter has to be what getMeter/],
])('%j is refused when the app starts', (options, message) => {
  expect(() => conflictMetrics(options)).toThrow(message)
})
