import request from 'supertest'
import { type ConflictOptions, resourceRouter } from '../../lib'
import { appOf, type Doc, shelf } from './app'

/** "1" was there and was removed; "2" never was. */
async function removed(options: Partial<ConflictOptions<Doc>> = {}) {
  const it = await shelf({ title: 'first' }, { tombstones: true })
  await it.adapter.remove('1', it.version)
  const app = appOf((all) =>
    all.use('/articles', resourceRouter<Doc>({ name: 'article', adapter: it.adapter, ...options })),
  )
  return { ...it, app }
}

describe('what was removed and is hidden from the caller answers as what never was', () => {
  test.each(['get', 'head', 'put', 'patch', 'delete'] as const)('%s: 404', async (method) => {
    const { app } = await removed({ create: [], allow: (_req, current) => current && { as: 'not_found' } })
    for (const headers of [{}, { 'If-Match': '*' }, { 'If-None-Match': '*' }]) {
      const ask = (key: string) => request(app)[method](`/articles/${key}`).set(headers).send()
      const [hidden, never] = [await ask('1'), await ask('2')]
      expect([hidden.status, hidden.body.code, hidden.body.detail]).toEqual([404, never.body.code, never.body.detail])
    }
  })

  test('to a caller who is denied, and no more, it is gone', async () => {
    const { app } = await removed({ allow: () => false })
    await request(app).get('/articles/1').expect(410)
  })
})

describe('PUT with If-None-Match: * brings a tombstone back', () => {
  const restore = (app: Parameters<typeof request>[0], headers = { 'If-None-Match': '*' } as Record<string, string>) =>
    request(app).put('/articles/1').set(headers).send({ title: 'back' })

  test('it is created: 201, with a version of its own', async () => {
    const { app, adapter, version, stored } = await removed()
    const response = await restore(app).expect(201)
    expect(await stored()).toEqual({ title: 'back' })
    const current = await adapter.read('1')
    expect([response.headers.etag, current?.gone]).toEqual([`"${current?.version}"`, undefined])
    expect(current?.version).not.toBe(version)
    await restore(app).expect(412)
  })

  test.each<[string, Record<string, string>]>([
    ['no condition', {}],
    ['If-Match: *', { 'If-Match': '*' }],
    ['a list', { 'If-None-Match': '"other"' }],
    ['a malformed one', { 'If-None-Match': '*, *' }],
  ])('%s: 410', async (_, headers) => {
    const { app } = await removed()
    await restore(app, headers).expect(410)
  })

  test('where PUT may create, the caller is allowed to, and the lifecycle does not say gone', async () => {
    await restore((await removed({ create: ['POST'] })).app).expect(410)
    await restore((await removed({ allow: (_req, current) => !current?.gone })).app).expect(403)
    const { app, adapter, tag } = await shelf({ status: 'dead' }).then((it) => ({
      ...it,
      app: appOf((all) =>
        all.use(
          '/articles',
          resourceRouter<Doc>({
            name: 'article',
            adapter: it.adapter,
            lifecycle: { field: '/status', gone: ['dead'] },
          }),
        ),
      ),
    }))
    await restore(app).expect(410)
    expect(`"${(await adapter.read('1'))?.version}"`).toBe(tag)
  })

  test('of two at once one is 201, the other 412', async () => {
    const { app } = await removed()
    const answers = await Promise.all([restore(app), restore(app)])
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 412])
  })
})
