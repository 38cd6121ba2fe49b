import { once } from 'node:events'
import { get } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import request from 'supertest'
import { memoryAdapter, resourceRouter, respondToConflicts } from '../../lib'
import { ConflictError, type ConflictKind } from '../../lib/conflicts/conflicts'
import { isHeard, publish } from '../../lib/conflicts/events'
import { type Dashboard, type DashboardOptions, dashboard } from '../../lib/dashboard'
import { tally } from '../../lib/dashboard/tally'

const running: Pick<Dashboard, 'stop'>[] = []
afterEach(() => {
  for (const each of running.splice(0)) each.stop()
})

async function newsroom(options?: DashboardOptions, history?: number) {
  const adapter = memoryAdapter<Record<string, unknown>>(history ? { history } : {})
  const first = await adapter.write('secret-1', { title: 'a', body: 'b' }, null)
  const tag = first.ok ? `"${first.state.version}"` : ''
  const shown = dashboard(options)
  running.push(shown)
  const app = express()
  app.use('/conflicts', shown)
  app.use('/articles', resourceRouter({ name: 'article', adapter }))
  app.use(respondToConflicts())
  const data = async () => (await request(app).get('/conflicts/data').expect(200)).body
  return { app, tag, data }
}
const patch = (app: express.Express, tag: string, body: object) =>
  request(app).patch('/articles/secret-1').set('If-Match', tag).send(body)

test('the hottest resource, which members two writers touch, and what would have helped', async () => {
  const { app, tag, data } = await newsroom()
  await patch(app, tag, { title: 'x' }).expect(200)
  await request(app).get('/articles/made-up').expect(404)
  for (const _ of [1, 2, 3]) await patch(app, tag, { body: 'mine' }).expect(412)
  await patch(app, tag, { title: 'mine' }).expect(412)
  await request(app).put('/articles/secret-1').send({ title: 't' }).expect(428)
  const { hot, totals, routes, minutes, refusals } = await data()
  expect(hot).toHaveLength(1)
  expect(hot[0]).toMatchObject({
    resource: 'article',
    conflicts: 5,
    kinds: { precondition_failed: 4, precondition_required: 1 },
    collisions: { disjoint: 3, overlapping: 1, unclear: 0 },
    members: { '/title': 1 },
  })
  expect(hot[0].advice.map(({ option, helps }: { option: string; helps: number }) => [option, helps])).toEqual([
    ["merge: 'disjoint'", 3],
    ['editLocks', 1],
    ['preconditions', 1],
  ])
  expect(totals).toMatchObject({ refused: 6, committed: 1 })
  expect(routes).toEqual([{ route: '/articles/:id', conflicts: 6 }])
  expect(minutes.at(-1)).toMatchObject({
    kinds: { not_found: 1, precondition_failed: 4, precondition_required: 1 },
    routes: { '/articles/:id': 6 },
  })
  expect(refusals[0]).toMatchObject({ code: 'precondition_required', status: 428, resolution: 'refetch' })
})

test('where the adapter keeps history, the problem says what collides, also of a PUT', async () => {
  const { app, tag, data } = await newsroom({}, 10)
  await patch(app, tag, { title: 'x' }).expect(200)
  await request(app).put('/articles/secret-1').set('If-Match', tag).send({ title: 'a', body: 'mine' }).expect(412)
  expect((await data()).hot[0].collisions).toEqual({ disjoint: 1, overlapping: 0, unclear: 0 })
})

test('of a stale PUT without history nobody can tell, and the dashboard does not', async () => {
  const { app, tag, data } = await newsroom()
  await patch(app, tag, { title: 'x' }).expect(200)
  await request(app).put('/articles/secret-1').set('If-Match', tag).send({ title: 'a', body: 'mine' }).expect(412)
  const [{ collisions, advice }] = (await data()).hot
  expect(collisions).toEqual({ disjoint: 0, overlapping: 0, unclear: 1 })
  expect(advice[0].option).toBe('adapter history')
})

test('who waits on which lock, for how long, under the same hash as the resource', () => {
  const counts = tally(false)
  running.push(counts)
  const about = { name: 'article', key: 'article:1', waiting: 0, held: 0, request: {} as never }
  const lock = (event: 'waiting' | 'granted' | 'refused' | 'released' | 'lost', waitedMs = 0, key = 'article:1') =>
    publish('lock', () => ({ ...about, event, waitedMs, key }))
  lock('waiting')
  lock('granted', 5)
  lock('waiting')
  lock('waiting')
  lock('refused', 100)
  lock('waiting', 0, 'article:2')
  lock('granted', 0, 'article:2')
  lock('released', 0, 'article:2')
  const conflict = new ConflictError('resource_busy')
  const refused = { ...about, key: '1', method: 'PUT', route: '/articles/:id', conflict, instance: '', enforced: true }
  publish('conflict', () => ({ ...refused, changed: () => [] }))
  const { locks, hot } = counts.counts('salt')
  expect(locks).toEqual([
    { resource: 'article', key: hot[0]?.key, held: 1, waiting: 1, waited: 2, waitedMs: 105 },
    { resource: 'article', key: expect.stringMatching(/^[0-9a-f]{12}$/), held: 0, waiting: 0, waited: 1, waitedMs: 0 },
  ])
  lock('granted', 200)
  lock('lost')
  expect(counts.counts('salt').locks[0]).toMatchObject({ held: 1, waiting: 0, waited: 3, waitedMs: 305 })
})

test.each<[ConflictKind, string]>([
  ['concurrent_update', "isolation: 'lock'"],
  ['already_exists', 'idempotency'],
  ['unique_violation', 'idempotency'],
  ['resource_busy', 'lock.waitMs'],
  ['precondition_required', 'preconditions'],
])('what would have helped against %s: %s', async (code, option) => {
  const { data } = await newsroom()
  const conflict = new ConflictError(code)
  const about = { name: 'article', key: '1', method: 'PUT', route: '/articles/:id', request: {} as never }
  publish('conflict', () => ({ ...about, conflict, instance: '', enforced: true, changed: () => [] }))
  publish('conflict', () => ({ ...about, conflict, instance: '', enforced: true, changed: () => [] }))
  const { hot } = await data()
  expect(hot[0].advice).toEqual([expect.objectContaining({ option, helps: 2 })])
})

test('keys are hashed unless they are asked for, and values are never shown', async () => {
  for (const [options, isShown] of [
    [{}, false],
    [{ keys: 'shown' as const }, true],
  ] as const) {
    const { app, tag } = await newsroom(options)
    await patch(app, tag, { title: 'VALUE' }).expect(200)
    await patch(app, tag, { title: 'VALUE' }).expect(412)
    const { text } = await request(app).get('/conflicts/data')
    expect(text.includes('secret-1')).toBe(isShown)
    expect(text).not.toMatch(/VALUE/)
  }
})

test.each(['/conflicts/', '/conflicts/page.js', '/conflicts/page.css'])(
  '%s asks nobody else, under a strict policy',
  async (path) => {
    const { app } = await newsroom()
    const { headers, text, body } = await request(app).get(path).expect(200)
    expect(headers['content-security-policy']).toMatch(
      /^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';/,
    )
    expect(headers['cache-control']).toMatch(/no-store/)
    expect(`${text ?? body}`.replace('http://www.w3.org/2000/svg', '')).not.toMatch(
      /https?:\/\/|innerHTML|style=|\son\w+="/,
    )
  },
)

test('without the slash the page is redirected, wherever it is mounted; other paths and methods are the app’s', async () => {
  const { app } = await newsroom()
  expect((await request(app).get('/conflicts').expect(308)).headers.location).toBe('./conflicts/')
  await request(app).get('/conflicts/etc').expect(404)
  await request(app).post('/conflicts/data').expect(404)
})

test('those who look see it live, and are let go when it stops', async () => {
  const { app, tag } = await newsroom()
  const server = app.listen(0)
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/conflicts/live`
  const live = await new Promise<import('node:http').IncomingMessage>((resolve) => get(url, resolve))
  const refusals: number[] = []
  const seen = (async () => {
    for await (const chunk of live.setEncoding('utf8')) {
      refusals.push(JSON.parse(String(chunk).replace(/^data: /, '')).totals.refused)
      if (refusals.length === 1) await patch(app, `${tag.slice(0, -1)}x"`, { title: 'x' }).expect(412)
      else for (const each of running.splice(0)) each.stop()
    }
  })()
  await seen
  expect(refusals).toEqual([0, 1])
  server.close()
})

test('the memory is bounded: of 100,000 keys the last ones are kept', () => {
  const counts = tally(true)
  running.push(counts)
  const conflict = new ConflictError('precondition_failed')
  for (let id = 0; id < 100_000; id++) {
    const message = { name: 'a', key: `${id}`, method: 'PUT', route: `/${id}`, conflict, instance: '', enforced: true }
    publish('conflict', () => ({ ...message, request: {} as never, changed: () => [`/${id}`] }))
    const lock = { name: 'a', key: `a:${id}`, event: 'waiting', waitedMs: 0, waiting: 1, held: 0 } as const
    publish('lock', () => ({ ...lock, request: {} as never }))
  }
  const { hot, routes, refusals, minutes, locks } = counts.counts('')
  expect([hot.length, routes.length, refusals.length, minutes.length <= 60]).toEqual([10, 10, 30, true])
  expect(Number(hot[0]?.key)).toBeGreaterThanOrEqual(99_500)
  expect(locks).toHaveLength(10)
  for (const minute of minutes) expect(Object.keys(minute.routes).length).toBeLessThanOrEqual(6)
  const sum = (counted: object) => Object.values(counted).reduce((one, two) => one + two, 0)
  expect(sum(minutes.map(({ routes: each }) => sum(each)))).toBe(100_000)
})

test('nothing is counted before it is made, nor after it was stopped', async () => {
  expect(isHeard('conflict')).toBe(false)
  const it = dashboard()
  expect(isHeard('conflict')).toBe(true)
  it.stop()
  expect(isHeard('conflict')).toBe(false)
})

test.each<[object, RegExp]>([
  [{ key: 'shown' }, /Did you mean "keys"/],
  [{ bus: {} }, /dashboard\(\): bus has to be a MessageBus, such as redisBus/],
  [{ keys: true }, /dashboard\(\): keys has to be 'hashed' or 'shown'; got true/],
])('%j is refused when the app starts', (options, message) => {
  expect(() => dashboard(options)).toThrow(message)
})
