import type express from 'express'
import request from 'supertest'
import { type ConflictOptions, detectConflicts, resourceOf } from '../../lib'
import { appOf, chainFor, type Doc, PASSED, raw, shelf, tells } from './app'

async function guarded(options: Partial<ConflictOptions<Doc>> = {}) {
  const it = await shelf()
  const app = appOf((all) => {
    all.use('/articles/:id', chainFor(it, options), tells(it))
  })
  return { ...it, app }
}

const bodyOf = ({ body }: { body: string }) => JSON.parse(body)

test.each(['OPTIONS', 'TRACE'])('%s neither shows a state nor changes one: it passes', async (method) => {
  const { app } = await guarded()
  const response = await raw(app, [`${method} /articles/1 HTTP/1.1`, 'If-Match: "old"'])
  expect([response.status, bodyOf(response)]).toEqual([200, PASSED])
})

describe.each(['PROPPATCH', 'LOCK', 'MERGE', 'LINK', 'PURGE', 'SEARCH'])('%s', (method) => {
  test('is a write: a stale condition refuses it', async () => {
    const { app } = await guarded()
    const response = await raw(app, [`${method} /articles/1 HTTP/1.1`, 'If-Match: "old"'])
    expect([response.status, bodyOf(response).code]).toEqual([412, 'precondition_failed'])
  })

  test('is a write: If-None-Match that names the current state is 412, not 304', async () => {
    const { app, tag } = await guarded()
    const response = await raw(app, [`${method} /articles/1 HTTP/1.1`, `If-None-Match: ${tag}`])
    expect(response.status).toBe(412)
  })

  test('is an action on what is there: the handler decides', async () => {
    const { app, tag } = await guarded()
    const response = await raw(app, [`${method} /articles/1 HTTP/1.1`, `If-Match: ${tag}`])
    expect([response.status, bodyOf(response)]).toEqual([200, { key: '1', action: 'act' }])
  })

  test('on what is not there is 404', async () => {
    const { app } = await guarded()
    const response = await raw(app, [`${method} /articles/2 HTTP/1.1`])
    expect([response.status, bodyOf(response).code]).toEqual([404, 'not_found'])
  })
})

describe.each([
  ['QUERY', {}],
  ['SEARCH', { safeMethods: ['SEARCH'] }],
] as const)('%s is safe, and answers with a result of its own', (method, options) => {
  test.each([
    ['If-None-Match', 'TAG'],
    ['If-None-Match', '*'],
    ['If-None-Match', '"a" , *'],
    ['If-Match', '"old"'],
    ['If-Unmodified-Since', new Date(0).toUTCString()],
    ['If-Modified-Since', new Date(Date.now() + 60_000).toUTCString()],
  ])('%s: %s of the resource is not compared with it', async (field, value) => {
    const { app, tag } = await guarded(options)
    const response = await raw(app, [`${method} /articles/1 HTTP/1.1`, `${field}: ${value.replace('TAG', tag)}`], '{}')
    expect([response.status, bodyOf(response)]).toEqual([200, { key: '1', action: 'read' }])
  })

  test('has no validator of the resource, and frozen states answer it', async () => {
    const { app, version } = await guarded({ ...options, lifecycle: { field: '/title', frozen: ['first'] } })
    const { status, head } = await raw(app, [`${method} /articles/1 HTTP/1.1`])
    expect(status).toBe(200)
    expect(head).not.toContain(version)
    expect(head).not.toMatch(/Last-Modified|Cache-Control/i)
  })

  test('on what is not there is 404, and what the caller may not see is, too', async () => {
    const { app } = await guarded({ ...options, allow: () => ({ as: 'not_found' }) })
    for (const key of ['1', '2']) expect((await raw(app, [`${method} /articles/${key} HTTP/1.1`])).status).toBe(404)
  })
})

test.each([
  ['X-HTTP-Method-Override', 'GET'],
  ['X-HTTP-Method', 'GET'],
  ['X-Method-Override', 'OPTIONS'],
])('%s changes nothing: the method of the request line counts', async (field, method) => {
  const { app, stored } = await guarded()
  const response = await request(app).put('/articles/1?_method=GET').set(field, method).send({ title: 'second' })
  expect([response.status, response.body.code]).toEqual([428, 'precondition_required'])
  expect(await stored()).toEqual({ title: 'first' })
})

test('POST on a resource is an action: its body is the handler’s, of any type', async () => {
  const { app, tag } = await guarded({ schema: { type: 'object', required: ['title'] } })
  const response = await request(app).post('/articles/1').set('If-Match', tag).type('text/plain').send('publish')
  expect([response.status, response.body]).toEqual([200, { key: '1', action: 'act' }])
})

test('a handler of an action commits a value of its own', async () => {
  const it = await shelf()
  const chain = detectConflicts<Doc>({ name: 'article', adapter: it.adapter })
  const publish: express.RequestHandler = (req, res, next) => {
    resourceOf(req, chain)
      .commit((current) => ({ ...current, status: 'published' }))
      .then(({ state }) => res.json(state?.value), next)
  }
  const app = appOf((all) => all.post('/articles/:id/publication', chain, publish))
  await request(app).post('/articles/1/publication').set('If-Match', '"old"').expect(412)
  const response = await request(app).post('/articles/1/publication').set('If-Match', it.tag)
  expect([response.status, await it.stored()]).toEqual([200, { title: 'first', status: 'published' }])
  expect(response.headers.etag).toBe(`"${(await it.adapter.read('1'))?.version}"`)
})
