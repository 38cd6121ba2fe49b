import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { type ConflictOptions, type MemoryAdapter, memoryAdapter, resourceRouter, respondToConflicts } from '../../lib'
import { describeWith } from '../services'
import { type OwnProxy, ownProxy } from './own-proxy'

interface Article {
  readonly title: string
}

const adapter: MemoryAdapter<Article> = memoryAdapter()
let origin: Server
let proxy: OwnProxy
/** The purges that were asked for, and what came of them. */
let purged: Promise<number>[] = []

function appOf(onCommitted: NonNullable<ConflictOptions<Article>['onCommitted']>): express.Express {
  const app = express()
  app.use((req, res, next) => {
    if (req.method === 'GET') res.set('Cache-Control', 'public, max-age=0, s-maxage=60')
    next()
  })
  app.get('/articles', (_req, res) => void res.set('Cache-Groups', '"article"').json({ read: Date.now() }))
  const all = { name: 'article', adapter, cacheGroups: true }
  app.use('/articles', resourceRouter<Article>({ ...all, onCommitted }))
  app.use('/unpurged', resourceRouter<Article>(all))
  app.use('/tolerant', resourceRouter<Article>({ ...all, preconditions: { weak: 'accept' } }))
  app.use(respondToConflicts())
  return app
}

async function start(name: 'nginx' | 'Varnish'): Promise<void> {
  const app = appOf(({ purge }) => {
    const ask = (path: string) => fetch(`${proxy.url}${path}`, { method: 'PURGE' }).then(({ status }) => status)
    purged = purge().paths.map(ask)
  })
  origin = app.listen(0)
  proxy = await ownProxy(name, (origin.address() as AddressInfo).port)
}

async function stop(): Promise<void> {
  await proxy.stop()
  origin?.closeAllConnections()
  origin?.close()
}

/** A new article, large enough for nginx to compress it. */
async function stored(key: string): Promise<{ readonly key: string; readonly tag: string }> {
  const written = await adapter.write(key, { title: key.padEnd(100, '.') }, null)
  if (!written.ok) throw new Error(`There is a ${key} already.`)
  return { key, tag: `"${written.state.version}"` }
}

async function changed(key: string): Promise<string> {
  const { version = null } = (await adapter.read(key)) ?? {}
  const written = await adapter.write(key, { title: 'by somebody else' }, version)
  return written.ok ? `"${written.state.version}"` : ''
}

const plain = { 'Accept-Encoding': 'identity' }
const get = (path: string, headers = {}) => fetch(`${proxy.url}${path}`, { headers: { ...plain, ...headers } })
const tagOf = async (path: string, headers = {}) => (await get(path, headers)).headers.get('etag')

function put(path: string, tag: string | null): Promise<Response> {
  const headers = { ...plain, 'Content-Type': 'application/json', 'If-Match': tag ?? '' }
  return fetch(`${proxy.url}${path}`, { method: 'PUT', headers, body: JSON.stringify({ title: 'mine' }) })
}

describe.each(['nginx', 'Varnish'] as const)('%s, configured as docs/caches.md says', (name) => {
  describeWith(name, name, () => {
    beforeAll(() => start(name))
    afterAll(stop)

    test('a stale copy leads to no wrong save, and no-cache gets the state to save', async () => {
      const { key, tag } = await stored(`stale-${name}`)
      const path = `/unpurged/${key}`
      expect(await tagOf(path)).toBe(tag)
      const theirs = await changed(key)
      expect(await tagOf(path)).toBe(tag)
      const refused = await put(path, tag)
      expect([refused.status, refused.headers.get('etag')]).toEqual([412, theirs])
      expect((await adapter.read(key))?.value.title).toBe('by somebody else')
      expect(await tagOf(path, { 'Cache-Control': 'no-cache' })).toBe(theirs)
      // It has taken the place of the copy, for all.
      expect(await tagOf(path)).toBe(theirs)
      expect((await put(path, theirs)).status).toBe(200)
    })

    test('a purge of the paths ends the copies of the resource, and of the list', async () => {
      const { key, tag } = await stored(`purged from ${name}`)
      const path = `/articles/${encodeURIComponent(key)}`
      const list = await (await get('/articles')).text()
      expect([await tagOf(path), await (await get('/articles')).text()]).toEqual([tag, list])
      const saved = await put(path, tag)
      expect(saved.status).toBe(200)
      expect(await Promise.all(purged)).toEqual([200, 200])
      expect(await tagOf(path)).toBe(saved.headers.get('etag'))
      expect(await (await get('/articles')).text()).not.toBe(list)
      const removal = { method: 'DELETE', headers: { 'If-Match': '*' } }
      expect((await fetch(`${proxy.url}${path}`, removal)).status).toBe(204)
      await Promise.all(purged)
      expect((await get(path)).status).toBe(404)
    })

    test('a copy answers If-None-Match with 304', async () => {
      const { key, tag } = await stored(`conditional-${name}`)
      const path = `/articles/${key}`
      for (const _ of [1, 2]) expect((await get(path, { 'If-None-Match': tag })).status).toBe(304)
    })
  })
})

describeWith('nginx', 'nginx that compresses', () => {
  beforeAll(() => start('nginx'))
  afterAll(stop)

  test('weakens the tag: told apart from a stale one, or taken', async () => {
    const { key, tag } = await stored('weakened')
    const zipped = { 'Accept-Encoding': 'gzip' }
    const weak = await tagOf(`/articles/${key}`, zipped)
    expect(weak).toBe(`W/${tag}`)
    const refused = await put(`/articles/${key}`, weak)
    expect([refused.status, await refused.json()]).toEqual([412, expect.objectContaining({ code: 'weak_validator' })])
    expect((await put(`/tolerant/${key}`, await tagOf(`/tolerant/${key}`, zipped))).status).toBe(200)
  })
})

describeWith('Varnish', 'Varnish and cache groups', () => {
  beforeAll(() => start('Varnish'))
  afterAll(stop)

  test('a change through it ends each copy of the resource, whatever its query, and the lists; no other', async () => {
    const [{ key, tag }, other] = [await stored('grouped'), await stored('grouped-2')]
    const paths = [`/unpurged/${key}`, `/unpurged/${key}?as=it-was`]
    const list = await (await get('/articles')).text()
    const readOther = async () => (await get(`/unpurged/${other.key}`)).headers.get('age')
    for (const path of paths) expect(await tagOf(path)).toBe(tag)
    await readOther()
    const theirs = await changed(other.key)
    const saved = await put(`/unpurged/${key}`, tag)
    expect(saved.headers.get('cache-group-invalidation')).toBe('"article:grouped", "article"')
    for (const path of paths) expect(await tagOf(path)).toBe(saved.headers.get('etag'))
    expect(await (await get('/articles')).text()).not.toBe(list)
    // Its copy is still the old one.
    expect(await tagOf(`/unpurged/${other.key}`)).toBe(other.tag)
    expect(other.tag).not.toBe(theirs)
  })
})
