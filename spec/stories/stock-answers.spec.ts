import express from 'express'
import request from 'supertest'
import { detectConflicts, reportChange, resourceRouter } from '../../lib'
import { appOf, type Shelf, shelf } from './app'

const JSON_TYPE = 'application/json'

function routerOf({ adapter }: Shelf) {
  return appOf((app) => app.use('/articles', resourceRouter({ name: 'article', adapter })))
}

const fields = (response: request.Response, ...names: string[]) => names.map((name) => response.headers[name])

describe('what is created, replaced and removed', () => {
  test('PUT of what is not there is 201 with the representation', async () => {
    const response = await request(routerOf(await shelf()))
      .put('/articles/2')
      .send({ title: 'new' })
    expect([response.status, response.body]).toEqual([201, { title: 'new' }])
    expect(response.headers.location).toBeUndefined()
  })

  test('PUT of what is there is 200', async () => {
    const it = await shelf()
    const response = await request(routerOf(it)).put('/articles/1').set('If-Match', it.tag).send({ title: 'new' })
    expect([response.status, response.body, await it.stored()]).toEqual([200, { title: 'new' }, { title: 'new' }])
  })

  test('POST is 201, and says where: there it is read', async () => {
    const app = routerOf(await shelf())
    const { status, headers } = await request(app).post('/articles').send({ title: 'new' })
    const read = await request(app).get(headers.location ?? '')
    expect([status, read.status, read.body, read.headers.etag]).toEqual([201, 200, { title: 'new' }, headers.etag])
  })

  test('DELETE is 204, and then it is 404', async () => {
    const it = await shelf()
    const app = routerOf(it)
    const removed = await request(app).delete('/articles/1').set('If-Match', it.tag)
    expect([removed.status, removed.text, (await request(app).get('/articles/1')).status]).toEqual([204, '', 404])
  })

  test('HEAD has the fields of GET and no body', async () => {
    const app = routerOf(await shelf())
    const [get, head] = [await request(app).get('/articles/1'), await request(app).head('/articles/1')]
    expect([head.status, head.text]).toEqual([200, undefined])
    expect(fields(head, 'etag', 'content-length')).toEqual(fields(get, 'etag', 'content-length'))
  })
})

describe('Prefer (RFC 7240 §4.2)', () => {
  const put = async (prefer: string, path = '/articles/1') => {
    const it = await shelf()
    return request(routerOf(it)).put(path).set('If-Match', it.tag).set('Prefer', prefer).send({ title: 'new' })
  }

  test.each(['return=minimal', 'respond-async, return=minimal', 'Return = "minimal"; x=1'])(
    '%s: no body',
    async (prefer) => {
      const response = await put(prefer)
      expect([response.status, response.text]).toEqual([204, ''])
      expect(fields(response, 'preference-applied', 'vary')).toEqual(['return=minimal', 'Prefer'])
      expect(response.headers.etag).toMatch(/^"/)
    },
  )

  test('return=minimal: what was created is still 201', async () => {
    const it = await shelf()
    const response = await request(routerOf(it)).put('/articles/2').set('Prefer', 'return=minimal').send({})
    expect([response.status, response.text]).toEqual([201, ''])
  })

  test('return=representation: the new one', async () => {
    const response = await put('return=representation')
    expect([response.status, response.body]).toEqual([200, { title: 'new' }])
    expect(response.headers['preference-applied']).toBe('return=representation')
  })

  test.each(['return=something', 'wait=100', 'noreturn=minimal'])(
    '%s is no preference that is known',
    async (prefer) => {
      const response = await put(prefer)
      expect([response.status, response.body]).toEqual([200, { title: 'new' }])
      expect(response.headers['preference-applied']).toBeUndefined()
    },
  )
})

describe('methods', () => {
  const ITEM = 'GET, HEAD, PUT, PATCH, DELETE, OPTIONS'

  test.each([
    ['post', '/articles/1', ITEM],
    ['put', '/articles', 'POST, OPTIONS'],
    ['delete', '/articles', 'POST, OPTIONS'],
  ] as const)('%s %s is 405 with those that are allowed', async (method, path, allowed) => {
    const response = await request(routerOf(await shelf()))
      [method](path)
      .send({})
    expect([response.status, response.body.code]).toEqual([405, 'method_not_allowed'])
    expect(response.headers.allow).toBe(allowed)
  })

  test('OPTIONS says what there is, and which patches are understood', async () => {
    const app = routerOf(await shelf())
    const item = await request(app).options('/articles/1')
    expect([item.status, item.headers.allow]).toEqual([204, ITEM])
    expect(item.headers['accept-patch']).toBe(
      'application/merge-patch+json, application/json-patch+json, application/json',
    )
    const collection = await request(app).options('/articles')
    expect([collection.status, collection.headers.allow, collection.headers['accept-patch']]).toEqual([
      204,
      'POST, OPTIONS',
      undefined,
    ])
  })

  test('an adapter that cannot remove makes DELETE 405', async () => {
    const it = await shelf()
    const { read, write } = it.adapter
    const app = appOf((all) => all.use('/articles', resourceRouter({ name: 'article', adapter: { read, write } })))
    const response = await request(app).delete('/articles/1').set('If-Match', it.tag)
    expect([response.status, response.headers.allow]).toEqual([405, 'GET, HEAD, PUT, PATCH, OPTIONS'])
  })
})

describe('bodies', () => {
  const send = async (method: 'put' | 'patch', type: string, body: string) => {
    const it = await shelf()
    const response = await request(routerOf(it))[method]('/articles/1').set('If-Match', it.tag).type(type).send(body)
    return { response, stored: await it.stored() }
  }

  test.each(['text/plain', 'application/xml', 'application/x-www-form-urlencoded'])(
    'PATCH with %s is 415 with the patches that are understood (RFC 5789 §2.2)',
    async (type) => {
      const { response, stored } = await send('patch', type, '{"title":"new"}')
      expect([response.status, response.headers['accept-patch']?.split(', ')]).toEqual([
        415,
        ['application/merge-patch+json', 'application/json-patch+json', JSON_TYPE],
      ])
      expect(stored).toEqual({ title: 'first' })
    },
  )

  test.each(['text/plain', 'application/merge-patch+json', 'application/json-patch+json'])(
    'PUT with %s is 415 with Accept',
    async (type) => {
      const { response, stored } = await send('put', type, '{"title":"new"}')
      expect([response.status, response.headers.accept, stored]).toEqual([415, JSON_TYPE, { title: 'first' }])
    },
  )

  test('application/json as a PATCH is a merge patch', async () => {
    const { response, stored } = await send('patch', JSON_TYPE, '{"text":"more"}')
    expect([response.status, stored]).toEqual([200, { title: 'first', text: 'more' }])
  })

  test('PUT with Content-Range is 400 (RFC 9110 §14.4)', async () => {
    const it = await shelf()
    const response = await request(routerOf(it))
      .put('/articles/1')
      .set('If-Match', it.tag)
      .set('Content-Range', 'bytes 0-3/10')
      .send({ title: 'new' })
    expect([response.status, response.body.code, await it.stored()]).toEqual([
      400,
      'malformed_body',
      { title: 'first' },
    ])
  })

  test('the router brings a parser where the app has none', async () => {
    const { adapter } = await shelf()
    const app = express().use('/articles', resourceRouter({ name: 'article', adapter }))
    const response = await request(app).put('/articles/2').send({ title: 'new' })
    expect([response.status, response.body]).toEqual([201, { title: 'new' }])
  })
})

describe('a dry run', () => {
  const dryRun = (it: Shelf, tag: string) =>
    request(
      appOf((app) => {
        const chain = detectConflicts({ name: 'article', adapter: it.adapter, hidden: ['/secret'] })
        app.put('/articles/:id/dry-run', chain, reportChange())
      }),
    )
      .put('/articles/1/dry-run')
      .set('If-Match', tag)

  test('says what would change, without what is hidden, and writes nothing', async () => {
    const it = await shelf({ title: 'first', text: 'a', secret: 'b' })
    const response = await dryRun(it, it.tag).send({ title: 'new', text: 'a' })
    expect([response.status, response.body]).toEqual([
      200,
      { action: 'replace', changes: true, changed: ['/title'], proposed: { title: 'new', text: 'a' } },
    ])
    expect(await it.stored()).toEqual({ title: 'first', text: 'a', secret: 'b' })
    expect(fields(response, 'cache-control', 'etag')).toEqual(['no-store', undefined])
  })

  test('of a change of nothing says so', async () => {
    const it = await shelf()
    const { body } = await dryRun(it, it.tag).send({ title: 'first' })
    expect(body).toMatchObject({ changes: false, changed: [] })
  })

  test('of a request that would be refused is that refusal', async () => {
    const it = await shelf()
    const { status, body } = await dryRun(it, '"old"').send({ title: 'new' })
    expect([status, body.code]).toEqual([412, 'precondition_failed'])
  })
})
