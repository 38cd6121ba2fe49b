import express from 'express'
import request from 'supertest'
import {
  ConflictError,
  type ConflictOptions,
  commitChange,
  conflictOf,
  detectConflicts,
  fetchState,
  isConflictError,
  memoryAdapter,
  resourceOf,
  resourceRouter,
  respondToConflicts,
} from '../../lib'
import { appOf, type Doc, mistake, shelf } from './app'

describe('a responder behind the error handler of the app', () => {
  const warnings = async (handler: express.ErrorRequestHandler, times = 1) => {
    const it = await shelf()
    const app = express()
    app.use('/articles', resourceRouter({ name: 'article', adapter: it.adapter }))
    app.use(handler, respondToConflicts())
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const statuses: number[] = []
    for (let time = 0; time < times; time++) {
      const { status } = await request(app).put('/articles/1').set('If-Match', '"old"').send({})
      statuses.push(status)
    }
    const texts = warned.mock.calls.map(([text]) => String(text))
    warned.mockRestore()
    return { texts, statuses }
  }

  // First, for the warning is given once in a process.
  test('that answers with the status of the conflict warns of nothing', async () => {
    const own: express.ErrorRequestHandler = (error, _req, res, _next) => res.status(error.status).json({ own: true })
    expect(await warnings(own)).toEqual({ texts: [], statuses: [412] })
  })

  test('that answers 500 to everything warns once, and says where the responder belongs', async () => {
    const own: express.ErrorRequestHandler = (_error, _req, res, _next) => res.status(500).json({ oops: true })
    const { texts, statuses } = await warnings(own, 2)
    expect(statuses).toEqual([500, 500])
    expect(texts).toEqual([
      expect.stringMatching(
        /PUT \/articles\/1 was refused with 412 precondition_failed, and the client got 500.*app\.use\(respondToConflicts\(\)\) in front of your own/,
      ),
    ])
  })
})

describe('an app without a responder', () => {
  /** What is warned of in two refusals. */
  const warnings = async (...own: express.ErrorRequestHandler[]) => {
    const it = await shelf()
    // In development and production Express prints the stack of every refusal.
    const app = express().set('env', 'test')
    app.use('/articles', resourceRouter({ name: 'article', adapter: it.adapter }), ...own)
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const statuses: number[] = []
    for (const _ of [1, 2])
      statuses.push((await request(app).put('/articles/missing').set('If-Match', '"old"').send({})).status)
    const texts = warned.mock.calls.map(([text]) => String(text))
    warned.mockRestore()
    return { texts, statuses }
  }

  // First, for the warning is given once in a process.
  test.each<[string, express.ErrorRequestHandler]>([
    ['answers by conflictOf', (error, _req, res, _next) => res.status(conflictOf(error)?.status ?? 500).json({})],
    ['answers by the status', (error, _req, res, _next) => res.status(error.status).type('text').send(error.message)],
    ['answers with a page of its own', (error, _req, res, _next) => res.status(error.status).send('<h1>Sorry</h1>')],
  ])('that %s warns of nothing', async (_name, handler) => {
    expect(await warnings(handler)).toEqual({ texts: [], statuses: [412, 412] })
  })

  test('warns once that the page of Express answered, and says what to mount', async () => {
    const { texts, statuses } = await warnings()
    expect(statuses).toEqual([412, 412])
    expect(texts).toEqual([
      expect.stringMatching(
        /^PUT \/articles\/missing was refused with 412 precondition_failed, and Express answered with its own error page.*app\.use\(respondToConflicts\(\)\) behind your routes/,
      ),
    ])
  })
})

describe('a conflict that something has wrapped', () => {
  const wrapped = (depth = 1) => {
    let error: Error = new ConflictError('frozen', { detail: 'It is sold.' })
    for (let each = 0; each < depth; each++)
      error = Object.assign(new Error('wrapped', { cause: error }), { status: 500 })
    return error
  }

  test('is one, however deep it is', () => {
    for (const depth of [0, 1, 2, 5]) {
      expect(isConflictError(wrapped(depth))).toBe(true)
      expect(conflictOf(wrapped(depth))?.code).toBe('frozen')
    }
  })

  test('is none when its causes lead nowhere', () => {
    const circle = new Error('circle')
    circle.cause = circle
    for (const error of [circle, new Error('x', { cause: 'frozen' }), new Error('x', { cause: null }), null])
      expect([isConflictError(error), conflictOf(error)]).toEqual([false, undefined])
  })

  test.each(['a handler', 'a rule', 'allow', 'commit(fn)'])('in %s is answered as itself', async (where) => {
    const it = await shelf()
    const fail = () => {
      throw wrapped()
    }
    const options: Partial<ConflictOptions<Doc>> =
      where === 'a rule' ? { rules: [fail] } : where === 'allow' ? { allow: fail } : {}
    const chain = detectConflicts({ name: 'article', adapter: it.adapter, ...options })
    const app = appOf((all) =>
      all.put('/articles/:id', chain, (req, _res, next) => {
        if (where !== 'commit(fn)') throw wrapped()
        resourceOf(req, chain).commit(fail).catch(next)
      }),
    )
    const { body, status, headers } = await request(app).put('/articles/1').set('If-Match', it.tag).send({})
    expect([status, body.code, body.detail]).toEqual([409, 'frozen', 'It is sold.'])
    expect(headers['content-type']).toBe('application/problem+json')
  })
})

describe('fetchState on a router guards what is below it', () => {
  const members = ['ann']
  const nested = async (parent: Partial<ConflictOptions<Doc>> = {}, mount = '/projects/:pid/tasks') => {
    const [project, task] = [await shelf({ name: 'apollo' }), await shelf({ title: 'first' })]
    const app = express()
    app.use(express.json())
    const router = express.Router({ mergeParams: true })
    router.use(
      fetchState<Doc>({
        name: 'project',
        adapter: project.adapter,
        key: (req) => req.params.pid,
        allow: (req) => (members.includes(req.get('User') ?? '') ? undefined : { as: 'not_found' }),
        ...parent,
      }),
    )
    router.get('/', (_req, res) => {
      res.json(['first'])
    })
    const chain = detectConflicts<Doc>({ name: 'task', adapter: task.adapter })
    router.get('/:id', chain, (req, res) => {
      res.json(resourceOf(req, chain).representation)
    })
    router.put('/:id', chain, commitChange())
    router.delete('/:id', chain, commitChange())
    router.get('/:id/notes/:note', (_req, res) => {
      res.json('note')
    })
    app.use(mount, router)
    app.use(respondToConflicts(), mistake)
    return { app, task, project }
  }

  test.each([
    ['get', '/projects/1/tasks'],
    ['get', '/projects/1/tasks/1'],
    ['head', '/projects/1/tasks/1'],
    ['put', '/projects/1/tasks/1'],
    ['put', '/projects/1/tasks/new'],
    ['delete', '/projects/1/tasks/1'],
    ['get', '/projects/1/tasks/1/notes/1'],
    ['post', '/projects/1/tasks/1/anything'],
  ] as const)('%s %s is 404 for a stranger, and nothing is written', async (method, path) => {
    const { app, task } = await nested()
    await request(app)[method](path).set({ User: 'eve', 'If-Match': task.tag }).expect(404)
    expect(await task.stored()).toEqual({ title: 'first' })
    expect(await task.stored('new')).toBeUndefined()
  })

  test('a member reads and writes, with the tag of the task', async () => {
    const { app, task } = await nested()
    const { headers } = await request(app).get('/projects/1/tasks/1').set('User', 'ann').expect(200)
    expect(headers.etag).toBe(task.tag)
    await request(app).put('/projects/1/tasks/1').set({ User: 'ann', 'If-Match': task.tag }).send({}).expect(200)
  })

  test.each(['get', 'put', 'delete'] as const)(
    '%s below a project that is not there is 404, whatever may be created',
    async (method) => {
      const { app, task } = await nested()
      await request(app)[method]('/projects/9/tasks/1').set({ User: 'ann', 'If-Match': task.tag }).send({}).expect(404)
    },
  )

  test('a frozen project freezes its tasks', async () => {
    const { app, task } = await nested({ lifecycle: { field: '/name', frozen: ['apollo'] } })
    const put = request(app).put('/projects/1/tasks/1').set({ User: 'ann', 'If-Match': task.tag })
    expect((await put.send({}).expect(409)).body.code).toBe('frozen')
    await request(app).get('/projects/1/tasks/1').set('User', 'ann').expect(200)
  })

  test.each(['get', 'put'] as const)(
    '%s fails where the parameter of the mount is hidden, instead of letting everybody in',
    async (method) => {
      const project = await shelf({ name: 'apollo' })
      const app = express()
      const router = express.Router()
      router.use(
        fetchState<Doc>({
          name: 'project',
          adapter: project.adapter,
          key: (req) => req.params.pid,
          allow: () => false,
        }),
      )
      router.all('/:id', (_req, res) => {
        res.json('open')
      })
      app.use('/projects/:pid/tasks', router)
      app.use(respondToConflicts(), mistake)
      const { body } = await request(app)[method]('/projects/1/tasks/1').set('User', 'eve').expect(500)
      expect(body.mistake).toContain('the key of the project')
    },
  )
})

describe('a Location that does not lead back', () => {
  const tenantKey: ConflictOptions<Doc>['key'] = (req, { id }) => id && `${req.get('Tenant')}/${id}`
  const appWith = (more: Partial<ConflictOptions<Doc>>) => {
    const adapter = memoryAdapter<Doc>()
    const app = appOf((all) => all.use('/docs', resourceRouter({ name: 'doc', adapter, ...more })))
    return { adapter, app, post: () => request(app).post('/docs').set('Tenant', 'acme').send({ title: 'new' }) }
  }

  test.each<[string, Partial<ConflictOptions<Doc>>]>([
    ['of a key of its own', { key: tenantKey }],
    ['of a generated key that has both parts', { key: tenantKey, generateKey: (_v, req) => `${req.get('Tenant')}/1` }],
    ['of a key from the query', { key: (req) => req.query.id as string }],
    ['of a key that fails', { key: (req) => req.get('Nobody')?.trim().concat('x') as string }],
  ])('%s is refused at the first POST, and nothing is created', async (_name, more) => {
    const { adapter, post } = appWith(more)
    const { body } = await post().expect(500)
    expect(body.mistake).toMatch(
      /POST creates as a doc would get the Location \/docs\/.*Give generateKey.*and location/,
    )
    expect(await adapter.entries()).toEqual([])
  })

  test.each<[string, Partial<ConflictOptions<Doc>>]>([
    ['the parameter under another name', { key: (req) => req.params.docId ?? req.params.id }],
    ['a key that takes only UUIDs', { key: (_req, { id }) => (/^[\da-f-]{36}$/.test(id ?? '') ? id : 'none') }],
    [
      'generateKey and location together',
      {
        key: tenantKey,
        generateKey: (_v, req) => `${req.get('Tenant')}/1`,
        location: (_req, key) => `/docs/${key.split('/')[1]}`,
      },
    ],
  ])('%s works', async (_name, more) => {
    const { app, post } = appWith(more)
    const { headers } = await post().expect(201)
    await request(app).get(String(headers.location)).set('Tenant', 'acme').expect(200, { title: 'new' })
  })
})
