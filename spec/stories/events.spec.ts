import type { RequestHandler } from 'express'
import request from 'supertest'
import {
  ConflictError,
  type ConflictEvent,
  type ConflictOptions,
  commitChange,
  detectConflicts,
  fetchState,
  resourceOf,
  resourceRouter,
} from '../../lib'
import { appOf, type Doc, raw, shelf } from './app'

async function articles(options: Partial<ConflictOptions<Doc>> = {}) {
  const it = await shelf({ title: 'first', secret: 's' })
  const told: unknown[] = []
  const app = appOf((all) =>
    all.use(
      '/articles',
      resourceRouter<Doc>({
        name: 'article',
        adapter: it.adapter,
        onConflict: ({ conflict, instance, enforced, ...event }) =>
          told.push({ ...event, code: conflict.code, isWhole: enforced && instance.startsWith('urn:uuid:') }),
        onCommitted: ({ purge: _, ...event }) => told.push(event),
        ...options,
      }),
    ),
  )
  return { ...it, app, told }
}

describe('who listens is told', () => {
  test('of a refusal: kind, name, key and method', async () => {
    const { app, told } = await articles()
    await request(app).put('/articles/1').send({}).expect(428)
    expect(told).toEqual([{ name: 'article', key: '1', method: 'PUT', code: 'precondition_required', isWhole: true }])
  })

  test('of a refusal on a read, too', async () => {
    const { app, told } = await articles()
    await request(app).get('/articles/2').expect(404)
    expect(told).toEqual([{ name: 'article', key: '2', method: 'GET', code: 'not_found', isWhole: true }])
  })

  test('of a refusal before anything was read', async () => {
    const { app, told } = await articles()
    await raw(app, ['PUT /articles/1 HTTP/1.1', ...Array.from({ length: 998 }, () => 'a: 1')])
    expect(told).toEqual([{ name: 'article', key: '1', method: 'PUT', code: 'headers_truncated', isWhole: true }])
  })

  test('of what was created, replaced and removed, with the new version', async () => {
    const { app, told, adapter, tag } = await articles({ generateKey: () => 'new' })
    const versionOf = async (key: string) => (await adapter.read(key))?.version
    await request(app).post('/articles').send({}).expect(201)
    await request(app).put('/articles/1').set('If-Match', tag).send({}).expect(200)
    const versions = [await versionOf('new'), await versionOf('1')]
    await request(app).delete('/articles/1').set('If-Match', '*').expect(204)
    expect(told).toEqual([
      { name: 'article', key: 'new', outcome: 'created', version: versions[0], tries: 1, conditional: false },
      { name: 'article', key: '1', outcome: 'replaced', version: versions[1], tries: 1, conditional: true },
      { name: 'article', key: '1', outcome: 'removed', version: undefined, tries: 1, conditional: true },
    ])
  })

  test('of how many tries a change took that met others', async () => {
    const { adapter } = await shelf()
    let others = 2
    const contended: ConflictOptions<Doc>['adapter'] = {
      ...adapter,
      async write(key, value, expected) {
        if (others-- > 0) await adapter.write(key, { others }, (await adapter.read(key))?.version ?? null)
        return adapter.write(key, value, expected)
      },
    }
    const { app, told } = await articles({ adapter: contended })
    await request(app).put('/articles/1').set('If-Match', '*').send({ title: 'mine' }).expect(200)
    expect(told).toEqual([expect.objectContaining({ outcome: 'replaced', tries: 3 })])
  })

  test('of nothing when nothing was written, because it had been before', async () => {
    const { app, told, change } = await articles({ alreadyApplied: ['PUT'] })
    await change({ title: 'second' })
    await request(app).put('/articles/1').set('If-Match', '"old"').send({ title: 'second' }).expect(200)
    expect(told).toEqual([])
  })

  test('of a race that a handler of the app’s own lost', async () => {
    const it = await shelf()
    const told: string[] = []
    const onConflict = ({ conflict }: { conflict: { code: string } }) => told.push(conflict.code)
    const chain = detectConflicts({ name: 'article', adapter: it.adapter, writes: 'by-app', onConflict })
    const loses: RequestHandler = (req) => {
      throw resourceOf(req, chain).lostRace()
    }
    const app = appOf((all) => all.put('/articles/:id', chain, loses))
    await request(app).put('/articles/1').set('If-Match', it.tag).send({}).expect(412)
    expect(told).toEqual(['precondition_failed'])
  })

  test.each<[string, (error: Error) => RequestHandler]>([
    [
      'throws',
      (error) => () => {
        throw error
      },
    ],
    ['passes on', (error) => (_req, _res, next) => next(error)],
  ])('of a conflict that a handler %s, once', async (_name, refuses) => {
    const it = await shelf()
    const told: string[] = []
    const onConflict = ({ conflict, key }: ConflictEvent) => told.push(`${key} ${conflict.code}`)
    const chain = detectConflicts({ name: 'article', adapter: it.adapter, onConflict })
    const app = appOf((all) => all.put('/articles/:id', chain, refuses(new ConflictError('rule_violation'))))
    await request(app).put('/articles/1').set('If-Match', it.tag).send({}).expect(409)
    expect(told).toEqual(['1 rule_violation'])
    await request(app).put('/articles/2').set('If-None-Match', '*').send({}).expect(409)
    expect(told).toEqual(['1 rule_violation', '2 rule_violation'])
  })

  test('once of a conflict on a resource that is guarded below another', async () => {
    const [parent, child] = [await shelf(), await shelf()]
    const told: string[] = []
    const listening = (name: string) => ({ name, onConflict: () => void told.push(name) })
    const above = fetchState({ ...listening('parent'), adapter: parent.adapter, create: [], key: () => '1' })
    const chain = detectConflicts({ ...listening('child'), adapter: child.adapter })
    const both = detectConflicts({ ...listening('parent'), adapter: parent.adapter, key: () => '1' })
    const app = appOf((all) => {
      all.put('/articles/:article/notes/:id', above, chain, commitChange())
      all.patch('/articles/:article/notes/:id', both, chain, commitChange())
    })
    await request(app).put('/articles/1/notes/1').send({}).expect(428)
    expect(told).toEqual(['child'])
    await request(app).patch('/articles/1/notes/2').set('If-Match', '*').send({}).expect(404)
    expect(told).toEqual(['child', 'child'])
  })
})

describe.each<[string, () => never | Promise<never>]>([
  [
    'throws',
    () => {
      throw new Error('listener')
    },
  ],
  ['rejects', () => Promise.reject(new Error('listener'))],
])('a listener that %s', (_name, listener) => {
  test('changes no answer, and becomes a warning', async () => {
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const { app, tag, stored } = await articles({ onConflict: listener, onCommitted: listener })
    await request(app).put('/articles/1').send({}).expect(428)
    await request(app).put('/articles/1').set('If-Match', tag).send({ title: 'second' }).expect(200)
    expect(await stored()).toEqual({ title: 'second' })
    expect(warned.mock.calls.map(([warning]) => String(warning))).toEqual(['Error: listener', 'Error: listener'])
    warned.mockRestore()
  })
})

describe('what a problem shows of the stored state', () => {
  const refusals: [string, Record<string, string>, Doc][] = [
    ['412', { 'If-Match': '"old"' }, { title: 'mine' }],
    ['428', {}, { title: 'mine' }],
    ['409', { 'If-Match': '*' }, { title: 'first', secret: 'mine' }],
  ]

  test.each(refusals)('by itself nothing: %s', async (status, headers, body) => {
    const { app } = await articles({ immutable: ['/secret'] })
    const response = await request(app).put('/articles/1').set(headers).send(body)
    expect([String(response.status), response.body.state]).toEqual([status, undefined])
    expect(response.text).not.toMatch(/first|"s"/)
  })

  test.each(refusals)('what expose gives: %s', async (status, headers, body) => {
    const { app } = await articles({ immutable: ['/secret'], expose: ({ value }) => ({ title: value.title }) })
    const response = await request(app).put('/articles/1').set(headers).send(body)
    expect([String(response.status), response.body.state]).toEqual([status, { title: 'first' }])
  })

  test('nothing where expose gives nothing, and it is told for whom', async () => {
    const expose: ConflictOptions<Doc>['expose'] = ({ value }, req) =>
      req.headers['x-user'] === 'ann' ? value : undefined
    const { app } = await articles({ expose })
    const put = (user: string) => request(app).put('/articles/1').set('X-User', user).send({})
    expect([(await put('ann')).body.state, (await put('bob')).body.state]).toEqual([
      { title: 'first', secret: 's' },
      undefined,
    ])
  })

  test.each([{ as: 'denied' as const }, { as: 'not_found' as const }])(
    'nothing to a caller that was refused as such: %j',
    async (denial) => {
      const { app } = await articles({ expose: ({ value }) => value, allow: () => denial })
      const { text, headers } = await request(app).put('/articles/1').set('If-Match', '"old"').send({})
      expect(text).not.toMatch(/first/)
      expect(headers.etag).toBeUndefined()
    },
  )

  test('of what was removed nothing', async () => {
    const { app } = await articles({ expose: ({ value }) => value, lifecycle: { field: '/title', gone: ['first'] } })
    const { body } = await request(app).get('/articles/1').expect(410)
    expect(body.state).toBeUndefined()
  })
})
