import type { RequestHandler } from 'express'
import request from 'supertest'
import {
  type ConflictOptions,
  commitChange,
  contentHash,
  detectConflicts,
  type ResourceAdapter,
  resourceOf,
  resourceRouter,
  signature,
} from '../../lib'
import { appOf, type Doc, shelf } from './app'

async function articles(options: Partial<ConflictOptions<Doc>> = {}) {
  const it = await shelf({ title: 'first', secret: 's' })
  const app = appOf((all) =>
    all.use('/articles', resourceRouter<Doc>({ name: 'article', adapter: it.adapter, ...options })),
  )
  return { ...it, app }
}

describe('how the version is shown', () => {
  test('contentHash: the same content has the same tag, by any author', async () => {
    const { app, change, stored } = await articles({ tag: contentHash() })
    const { headers } = await request(app).get('/articles/1')
    await change({ secret: 's', title: 'first' })
    expect((await request(app).get('/articles/1')).headers.etag).toBe(headers.etag)
    const put = () => request(app).put('/articles/1').set('If-Match', String(headers.etag)).send({ title: 'second' })
    await put().expect(200)
    expect(await stored()).toEqual({ title: 'second' })
    await change({ title: 'third' })
    await put().expect(412)
  })

  test('contentHash: what is hidden is in no hash', async () => {
    const { app, change } = await articles({ tag: contentHash(), hidden: ['/secret'] })
    const before = await request(app).get('/articles/1')
    await change({ title: 'first', secret: 'other' })
    expect((await request(app).get('/articles/1')).headers.etag).toBe(before.headers.etag)
  })

  const [OLD, NEW] = ['o'.repeat(32), 'n'.repeat(32)]

  test('signature: the version is not to be seen, and cannot be named', async () => {
    const { app, version, tag } = await articles({ tag: signature({ secret: NEW }) })
    const { headers } = await request(app).get('/articles/1')
    expect(headers.etag).toMatch(/^"[\w-]{43}"$/)
    expect(headers.etag).not.toContain(version || tag)
    await request(app).put('/articles/1').set('If-Match', tag).send({}).expect(412)
    await request(app).put('/articles/1').set('If-Match', String(headers.etag)).send({}).expect(200)
  })

  test('signature: a tag of a previous secret holds until the state changes', async () => {
    const it = await shelf()
    const router = (options: Parameters<typeof signature>[0]) =>
      resourceRouter<Doc>({ name: 'article', adapter: it.adapter, tag: signature(options) })
    const app = appOf((all) => {
      all.use('/old', router({ secret: OLD }))
      all.use('/new', router({ secret: NEW, previousSecrets: [OLD] }))
      all.use('/later', router({ secret: NEW }))
    })
    const old = String((await request(app).get('/old/1')).headers.etag)
    await request(app).get('/new/1').set('If-None-Match', old).expect(304)
    const put = (url: string) => request(app).put(url).set('If-Match', old).send({ title: 'second' })
    await put('/later/1').expect(412)
    const changed = await put('/new/1').expect(200)
    expect(changed.headers.etag).toBe((await request(app).get('/later/1')).headers.etag)
    await request(app).put('/new/1').set('If-Match', old).send({ title: 'third' }).expect(412)
    expect(await it.stored()).toEqual({ title: 'second' })
  })

  test('signature: a tag of another resource is none of this one', async () => {
    const { app, change } = await articles({ tag: signature({ secret: NEW }) })
    await change({ title: 'other' }, '2')
    const other = await request(app).get('/articles/2')
    await request(app).put('/articles/1').set('If-Match', String(other.headers.etag)).send({}).expect(412)
  })

  test('the store’s own tag is shown and matched as it is', async () => {
    const it = await shelf()
    const own: ResourceAdapter<Doc> = {
      ...it.adapter,
      read: async (key) => {
        const state = await it.adapter.read(key)
        return state && { ...state, etag: '"a,b"' }
      },
    }
    const chain = detectConflicts({ name: 'article', adapter: own })
    const app = appOf((all) => all.all('/articles/:id', chain, commitChange()))
    const put = (tag: string) => request(app).put('/articles/1').set('If-Match', tag).send({ title: 'second' })
    expect((await put(it.tag)).headers.etag).toBe('"a,b"')
    await put('"x", "a,b"').expect(200)
    expect(await it.stored()).toEqual({ title: 'second' })
  })

  test.each(['no quotes', 'W/x', ''])('a store’s tag %j is a mistake of the adapter', async (etag) => {
    const adapter: ResourceAdapter<Doc> = { read: async () => ({ value: {}, version: '1', etag }) }
    const chain = detectConflicts({ name: 'article', adapter, writes: 'by-app' })
    const app = appOf((all) =>
      all.get('/articles/:id', chain, ((req, res) => res.json(resourceOf(req, chain).key)) as RequestHandler),
    )
    const { status, body } = await request(app).get('/articles/1')
    expect([status, body.mistake]).toEqual([500, expect.stringContaining('put it in double quotes')])
  })
})
