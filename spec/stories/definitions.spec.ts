import type { Request, RequestHandler } from 'express'
import request from 'supertest'
import {
  type ConflictOptions,
  checkPreconditions,
  commitChange,
  defineResource,
  detectConflicts,
  editLockRouter,
  editLocks,
  fetchState,
  holdLock,
  honorIdempotencyKey,
  memoryAdapter,
  memoryLocks,
  memoryStore,
  resourceOf,
  resourceRouter,
  validateChange,
} from '../../lib'
import { appOf, type Doc, type Shelf, shelf } from './app'

type Options = ConflictOptions<Doc>

const tenantKey = (req: Request) => `${req.get('Tenant')}/${req.params.id}`
const idempotency = () => ({ store: memoryStore(), scope: (req: Request) => req.get('Tenant') ?? '' })
const lock = () => ({ manager: memoryLocks() })

/** Two tenants, whose documents have the same names. */
async function tenants(mount: (options: Options, app: Parameters<Parameters<typeof appOf>[0]>[0]) => void) {
  const { adapter } = await shelf(null)
  const app = appOf((all) => mount({ name: 'doc', adapter, key: tenantKey }, all))
  const put = (tenant: string, key = '"k"') =>
    request(app)
      .put('/docs/7')
      .set({ Tenant: tenant, 'Idempotency-Key': `${key.slice(0, -1)}-${tenant}"` })
      .send({ of: tenant })
  const get = (tenant: string) => request(app).get('/docs/7').set('Tenant', tenant)
  return { adapter, put, get, keys: async () => (await adapter.entries()).map(({ key }) => key).sort() }
}

describe('a stage with options of its own in front of a chain with another key', () => {
  const { key: _, ...bare } = { key: tenantKey }
  test.each<[string, (options: Options) => RequestHandler]>([
    [
      'honorIdempotencyKey',
      ({ adapter, name }) => honorIdempotencyKey({ ...bare, name, adapter, idempotency: idempotency() }),
    ],
    ['holdLock', ({ adapter, name }) => holdLock({ ...bare, name, adapter, lock: lock() })],
    ['fetchState', ({ adapter, name }) => fetchState({ ...bare, name, adapter })],
    ['holdLock with another path', ({ adapter, name }) => holdLock({ name, adapter, path: '/docs/:id', lock: lock() })],
    ['holdLock that skips', ({ adapter, name }) => holdLock({ name, adapter, skip: () => true, lock: lock() })],
  ] as [string, (options: Options) => RequestHandler][])(
    '%s: no tenant reaches the documents of another',
    async (_name, stage) => {
      for (const mount of ['chain', 'router'] as const) {
        const it = await tenants((options, app) => {
          if (mount === 'chain') {
            app.all('/docs/:id', stage(options), detectConflicts(options), (req, res, next) => {
              if (req.method === 'GET') res.json({})
              else commitChange()(req, res, next)
            })
            return
          }
          app.all('/docs/:id', stage(options))
          app.use('/docs', resourceRouter(options))
        })
        expect((await it.put('acme')).status).toBe(201)
        expect((await it.get('evil')).status).toBe(404)
        expect((await it.put('evil')).status).toBe(201)
        expect(await it.keys()).toEqual(['acme/7', 'evil/7'])
        expect((await it.adapter.read('acme/7'))?.value).toEqual({ of: 'acme' })
      }
    },
  )

  test('a lock on a folder leaves the folder alone when a document below it is written', async () => {
    const nodes = memoryAdapter<Doc>()
    await nodes.write('F', { folder: true }, null)
    const manager = memoryLocks()
    const folder = holdLock<Doc>({
      name: 'folder',
      adapter: nodes,
      key: (req) => String(req.params.folder),
      lock: { manager },
    })
    const app = appOf((all) =>
      all.put('/:folder/docs/:id', folder, detectConflicts<Doc>({ name: 'node', adapter: nodes }), commitChange()),
    )
    expect((await request(app).put('/F/docs/D').send({ text: 'new' })).status).toBe(201)
    expect([(await nodes.read('F'))?.value, (await nodes.read('D'))?.value]).toEqual([
      { folder: true },
      { text: 'new' },
    ])
    expect(manager.size).toBe(0)
  })
})

describe('stages that were given different definitions', () => {
  async function mixed(stages: (it: Shelf) => RequestHandler[]) {
    const it = await shelf()
    const app = appOf((all) => all.put('/articles/:id', stages(it), commitChange()))
    const response = await request(app).put('/articles/1').set('If-Match', it.tag).send({ title: 'second' })
    return { status: response.status, mistake: response.body.mistake, stored: await it.stored() }
  }
  const base = ({ adapter }: Shelf) => ({ name: 'article', adapter })

  test.each<[string, (it: Shelf) => RequestHandler[], RegExp]>([
    [
      'validateChange with another key',
      (it) => [fetchState(base(it)), validateChange({ ...base(it), key: () => '2' }), checkPreconditions(base(it))],
      /validateChange\(\): no state of the article was fetched on PUT \/articles\/1/,
    ],
    [
      'checkPreconditions with stricter preconditions',
      (it) => [
        fetchState({ ...base(it), preconditions: { required: false } }),
        checkPreconditions({ ...base(it), preconditions: { required: 'version' } }),
      ],
      /checkPreconditions\(\): no state .* const article = defineResource/,
    ],
    [
      'a lock between them, which begins anew',
      (it) => {
        const article = defineResource<Doc>({ ...base(it), lock: lock() })
        return [fetchState(article), holdLock(article), checkPreconditions(article)]
      },
      /checkPreconditions\(\): no state/,
    ],
  ])('%s: the first request says so, and nothing is written', async (_name, stages, message) => {
    expect(await mixed(stages)).toEqual({
      status: 500,
      mistake: expect.stringMatching(message),
      stored: { title: 'first' },
    })
  })

  test('a stage on another path than fetchState says so, where it would let everything pass', async () => {
    const it = await shelf()
    const article = defineResource<Doc>(base(it))
    const app = appOf((all) => {
      all.use('/articles/:id', fetchState(article))
      all.put('/articles/:id/title', validateChange(article), checkPreconditions(article), (_req, res) => {
        res.json({ written: 'blindly' })
      })
    })
    const { status, body } = await request(app).put('/articles/1/title').send({})
    expect([status, body.mistake]).toEqual([500, expect.stringMatching(/Mount fetchState\(\).*on the same path/)])
  })

  test('the same definition under another key is another resource, or a mistake', async () => {
    const it = await shelf()
    await it.change({ title: 'child' }, '2')
    const node = defineResource<Doc>({ name: 'node', adapter: it.adapter, lock: lock() })
    const inner = checkPreconditions(node)
    const app = appOf((all) => {
      all.all('/nodes/:id/:child', fetchState(node))
      all.put('/nodes/:parent/:id', inner, commitChange())
      all.all('/locked/:id/:child', holdLock(node))
      all.put('/locked/:parent/:id', detectConflicts(node), commitChange())
    })
    const blind = await request(app).put('/nodes/1/2').set('If-Match', '*').send({ title: 'mine' })
    expect([blind.status, blind.body.mistake]).toEqual([
      500,
      expect.stringMatching(/key of the node .* is "2" here, and was "1"/),
    ])
    expect((await request(app).put('/locked/1/2').set('If-Match', '*').send({ title: 'mine' })).status).toBe(200)
    expect([await it.stored('1'), await it.stored('2')]).toEqual([{ title: 'first' }, { title: 'mine' }])
  })
})

describe('one definition', () => {
  test('is what locks, keys and the chain share: the lease shows, and one read is made', async () => {
    const it = await shelf()
    const reads: string[] = []
    const adapter = {
      ...it.adapter,
      async read(key: string) {
        reads.push(key)
        return it.adapter.read(key)
      },
    }
    const article = defineResource<Doc>({ name: 'article', adapter, lock: lock(), idempotency: idempotency() })
    const seen: unknown[] = []
    const app = appOf((all) =>
      all.put(
        '/articles/:id',
        honorIdempotencyKey(article),
        holdLock(article),
        detectConflicts(article),
        (req, res, next) => {
          const { lease, commit } = resourceOf(req, article)
          seen.push(lease?.fence)
          commit().then(() => res.sendStatus(204), next)
        },
      ),
    )
    await request(app).put('/articles/1').set({ Tenant: 'a', 'If-Match': it.tag }).send({}).expect(204)
    expect([seen, reads]).toEqual([['1'], ['1']])
  })

  test('is that of one options object, given twice', async () => {
    const it = await shelf()
    const options = { name: 'article', adapter: it.adapter }
    const app = appOf((all) =>
      all.put(
        '/articles/:id',
        fetchState(options),
        validateChange(options),
        checkPreconditions(options),
        commitChange(),
      ),
    )
    await request(app).put('/articles/1').set('If-Match', '"old"').send({}).expect(412)
    await request(app).put('/articles/1').set('If-Match', it.tag).send({}).expect(200)
  })

  test('of an options object that was written into in between is another one', async () => {
    const it = await shelf()
    const options: { -readonly [K in keyof Options]: Options[K] } = { name: 'article', adapter: it.adapter }
    const first = fetchState(options)
    options.key = () => '2'
    const app = appOf((all) => all.put('/articles/:id', first, checkPreconditions(options), commitChange()))
    expect((await request(app).put('/articles/1').set('If-Match', '*').send({})).body.mistake).toMatch(
      /no state of the/,
    )
  })

  test('goes to every factory', async () => {
    const { adapter } = await shelf(null)
    const locks = editLocks({ store: memoryStore(), owner: () => 'ann' })
    const article = defineResource<Doc>({ name: 'article', adapter, editLocks: locks })
    const app = appOf((all) => all.use('/articles', resourceRouter(article)).use('/others', editLockRouter(article)))
    const { headers } = await request(app).post('/articles').send({ title: 'new' }).expect(201)
    await request(app).put(`${headers.location}/lock`).expect(201)
    await request(app)
      .get(`/others/${String(headers.location).split('/').at(-1)}/lock`)
      .expect(200)
  })
})

test('a lock of another definition that is lost refuses the commit all the same', async () => {
  const it = await shelf()
  const lost = new AbortController()
  const manager = { acquire: async () => ({ signal: lost.signal, release: async () => undefined }) }
  const parent = holdLock<Doc>({ name: 'parent', adapter: it.adapter, key: () => 'p', lock: { manager } })
  const lose: RequestHandler = (_req, _res, next) => {
    lost.abort()
    next()
  }
  const chain = detectConflicts<Doc>({ name: 'article', adapter: it.adapter })
  const app = appOf((all) => all.put('/articles/:id', parent, chain, lose, commitChange()))
  const { body } = await request(app).put('/articles/1').set('If-Match', it.tag).send({})
  expect([body.code, await it.stored()]).toEqual(['lock_lost', { title: 'first' }])
})
