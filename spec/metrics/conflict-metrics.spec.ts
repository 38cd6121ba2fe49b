import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { metrics } from '@opentelemetry/api'
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import express from 'express'
import request from 'supertest'
import { memoryAdapter, memoryLocks, memoryStore, resourceRouter, respondToConflicts } from '../../lib'
import { CONFLICTS, ConflictError, type ConflictKind } from '../../lib/conflicts/conflicts'
import { type ConflictEvents, publish } from '../../lib/conflicts/events'
import { type ConflictMetrics, conflictMetrics } from '../../lib/metrics'
import { ROOT } from '../sources'

const running: ConflictMetrics[] = []
afterEach(() => {
  for (const each of running.splice(0)) each.stop()
})

/** What a scrape of Prometheus gets, by line. */
function counting() {
  const exporter = new PrometheusExporter({ preventServerStart: true })
  const provider = new MeterProvider({ readers: [exporter] })
  running.push(conflictMetrics({ meter: provider.getMeter('app') }))
  return async () => {
    const { resourceMetrics } = await exporter.collect()
    const lines = new PrometheusSerializer().serialize(resourceMetrics).split('\n')
    return lines
      .filter((line) => /^express_conflict/.test(line))
      .map((line) => line.replace(/,?otel_scope_\w+="[^"]*"/g, ''))
  }
}

/** The labels of each exported name. */
function labelsIn(lines: readonly string[]): Map<string, Set<string>> {
  const exported = new Map<string, Set<string>>()
  for (const line of lines) {
    const [, name = '', labels = ''] = /^(\w+)\{(.*)\}/.exec(line) ?? []
    const known = exported.get(name) ?? new Set()
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) known.add(label)
    exported.set(name, known)
  }
  return exported
}

const message = {} as ConflictEvents['conflict']
const refused = (code: ConflictKind, more: Partial<ConflictEvents['conflict']> = {}) =>
  publish('conflict', () => ({
    ...message,
    name: 'article',
    method: 'PUT',
    enforced: true,
    conflict: new ConflictError(code),
    ...more,
  }))
const about = { name: 'article', key: '1', method: 'PUT', route: '/articles/:id', request: {} as never }

async function newsroom() {
  const adapter = memoryAdapter<Record<string, unknown>>({ history: 10 })
  const first = await adapter.write('1', { title: 'a', body: 'b' }, null)
  const tag = first.ok ? `"${first.state.version}"` : ''
  const app = express()
  const lock = { manager: memoryLocks() }
  const idempotency = { store: memoryStore(), scope: () => 'all' }
  app.use(
    '/articles',
    resourceRouter({ name: 'article', adapter, merge: 'disjoint', isolation: 'lock', lock, idempotency }),
  )
  app.use(respondToConflicts())
  await request(app).put('/articles/1').set('If-Match', tag).send({ title: 'a', body: 'c' }).expect(200)
  await request(app).patch('/articles/1').set('If-Match', tag).send({ title: 'x' }).expect(200)
  await request(app).put('/articles/1').set('If-Match', tag).send({ title: 'z', body: 'z' }).expect(412)
  for (const _ of [1, 2])
    await request(app).post('/articles').set('Idempotency-Key', '"k"').send({ title: 'new' }).expect(201)
}

test('a newsroom at work: refusals, commits, merges, replays, waits and reads', async () => {
  const scrape = counting()
  await newsroom()
  const lines = await scrape()
  expect(lines).toEqual(
    expect.arrayContaining([
      'express_conflict_conflicts_total{express_conflict_resource="article",error_type="precondition_failed",express_conflict_enforced="true",http_request_method="PUT",http_response_status_code="412",http_route="/articles/:id"} 1',
      'express_conflict_commits_total{express_conflict_resource="article",express_conflict_outcome="created",express_conflict_conditional="false",http_request_method="POST",http_route="/articles"} 1',
      'express_conflict_merges_total{express_conflict_resource="article"} 1',
      'express_conflict_replays_total{express_conflict_resource="article"} 1',
      'express_conflict_commit_tries_count{express_conflict_resource="article"} 3',
      'express_conflict_lock_held{express_conflict_resource="article"} 0',
      'express_conflict_lock_waiting{express_conflict_resource="article"} 0',
    ]),
  )
  const count = (name: string) =>
    Number(
      lines
        .find((line) => line.startsWith(name))
        ?.split(' ')
        .at(-1),
    )
  expect(count('express_conflict_lock_wait_duration_count')).toBeGreaterThanOrEqual(3)
  expect(count('express_conflict_read_duration_count')).toBeGreaterThanOrEqual(3)
})

test('what was tried again, lost, or failed', async () => {
  const scrape = counting()
  publish('retry', () => ({ ...about, tries: 1 }))
  publish('lock', () => ({ ...about, event: 'lost', waitedMs: 1, waiting: 2, held: 3 }))
  publish('read', () => ({ name: 'article', tookMs: 4, failed: true }))
  const lines = await scrape()
  expect(lines).toEqual(
    expect.arrayContaining([
      'express_conflict_lost_races_total{express_conflict_resource="article"} 1',
      'express_conflict_lock_losses_total{express_conflict_resource="article"} 1',
      'express_conflict_lock_waiting{express_conflict_resource="article"} 2',
      'express_conflict_lock_held{express_conflict_resource="article"} 3',
      'express_conflict_read_duration_count{express_conflict_resource="article",error_type="backend_unavailable"} 1',
    ]),
  )
})

test('100,000 keys and hostile paths and methods make a bounded number of series', async () => {
  const scrape = counting()
  for (let id = 0; id < 100_000; id++) {
    refused('precondition_failed', { key: `key ${id}`, route: `/${id}/x`, method: id % 2 ? 'PUT' : `M${id}` })
    publish('committed', () => ({
      ...about,
      key: `key ${id}`,
      route: `/${id}`,
      outcome: 'replaced',
      version: `${id}`,
      previousVersion: '',
      tries: 1,
      conditional: true,
      changed: () => [],
      purge: () => ({ paths: [], groups: [] }),
    }))
  }
  const lines = await scrape()
  const series = (name: string) => lines.filter((line) => line.startsWith(`${name}{`)).length
  expect(series('express_conflict_conflicts_total')).toBeLessThanOrEqual(2 * 201)
  expect(series('express_conflict_commits_total')).toBeLessThanOrEqual(201)
  expect(lines.join('\n')).not.toMatch(/key \d/)
})

test('each kind is a series', async () => {
  const scrape = counting()
  for (const code of Object.keys(CONFLICTS) as ConflictKind[]) refused(code)
  const lines = await scrape()
  expect(lines.filter((line) => /^express_conflict_conflicts_total/.test(line))).toHaveLength(
    Object.keys(CONFLICTS).length,
  )
})

test('docs/observability.md names every instrument with its attributes, and no other', async () => {
  const scrape = counting()
  await newsroom()
  publish('retry', () => ({ ...about, tries: 1 }))
  publish('lock', () => ({ ...about, event: 'lost', waitedMs: 1, waiting: 0, held: 0 }))
  publish('read', () => ({ name: 'article', tookMs: 4, failed: true }))
  const exported = [...labelsIn(await scrape())]
    .filter(([name]) => !/_(?:bucket|sum)$/.test(name))
    .map(([name, labels]) => [name.replace(/_(?:total|count)$/, ''), [...labels].sort()])
  const page = readFileSync(join(ROOT, 'docs/observability.md'), 'utf8')
  const rows = [...page.matchAll(/^\| `(express_conflict\.[\w.]+)` +\|[^|]+\|([^|]+)\|/gm)]
  const documented = rows.map(([, name = '', attributes = '']) => {
    const named = [...attributes.matchAll(/`([a-z_]+\.[a-z_.]+)`/g)].map(([, each = '']) => each.replace(/\./g, '_'))
    return [name.replace(/\./g, '_'), named.sort()] as const
  })
  expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(exported))
})

test('the Grafana dashboard asks for names and labels that are exported', async () => {
  const scrape = counting()
  await newsroom()
  publish('retry', () => ({ ...about, tries: 1 }))
  publish('lock', () => ({ ...about, event: 'lost', waitedMs: 1, waiting: 0, held: 0 }))
  const lines = await scrape()
  const exported = labelsIn(lines)
  const { panels } = JSON.parse(readFileSync(join(ROOT, 'docs/grafana-dashboard.json'), 'utf8')) as {
    panels: { title: string; targets: { expr: string }[] }[]
  }
  const queries = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
  expect(queries.length).toBeGreaterThanOrEqual(8)
  for (const query of queries) {
    const [name = ''] =
      /express_conflict_\w+/.exec(query.replace(/express_conflict_(resource|outcome|enforced)\b/g, '')) ?? []
    const asked = [...query.matchAll(/by \(([^)]+)\)|\{([^}]*)\}/g)]
      .flatMap(([, by = '', filter = '']) => [
        ...by.split(','),
        ...filter.split(',').map((each) => each.split(/[=!~]/)[0] ?? ''),
      ])
      .map((label) => label.trim())
      .filter((label) => label !== '')
    expect([query, exported.has(name)]).toEqual([query, true])
    expect([query, asked.filter((label) => !exported.get(name)?.has(label))]).toEqual([query, []])
  }
})

test('stopped, it counts no more', async () => {
  const scrape = counting()
  refused('frozen')
  for (const each of running.splice(0)) each.stop()
  refused('frozen')
  expect((await scrape()).filter((line) => /frozen.* 1$/.test(line))).toHaveLength(1)
})

test('without a meter it is the global provider that counts, where there is one', async () => {
  const exporter = new PrometheusExporter({ preventServerStart: true })
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [exporter] }))
  running.push(conflictMetrics())
  metrics.disable()
  refused('frozen')
  const { resourceMetrics } = await exporter.collect()
  expect(new PrometheusSerializer().serialize(resourceMetrics)).toMatch(/error_type="frozen"/)
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
