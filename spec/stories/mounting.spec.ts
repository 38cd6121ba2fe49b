import express from 'express'
import request, { type Test } from 'supertest'
import { type ConflictOptions, commitChange, detectConflicts } from '../../lib'
import { appOf, chainFor, type Doc, PASSED, raw, shelf, tells } from './app'

const isExpress4 = 'del' in express.application

const codeOf = async (test: Test) => {
  const { status, body } = await test
  return `${status} ${body.code ?? body.mistake ?? ''}`.trim()
}

describe('on a route', () => {
  test('what the route matches is guarded', async () => {
    const it = await shelf()
    const app = appOf((all) => all.put('/articles/:id', chainFor(it), tells(it)))
    expect(await codeOf(request(app).put('/articles/1').send({}))).toBe('428 precondition_required')
    const { body } = await request(app).put('/articles/1').set('If-Match', it.tag).send({})
    expect(body).toEqual({ key: '1', action: 'replace' })
  })

  test('a chain that a function of the app wraps is on the route all the same', async () => {
    const it = await shelf()
    const chain = chainFor(it)
    const wrapped: express.RequestHandler = (req, res, next) => chain(req, res, next)
    const app = appOf((all) => all.put('/articles/:id', wrapped, tells(it)))
    expect(await codeOf(request(app).put('/articles/1').send({}))).toBe('428 precondition_required')
  })

  test('a chain in an array, on a route of a router, is on the route', async () => {
    const it = await shelf()
    const router = express.Router()
    router.put('/:id', [chainFor(it)], tells(it))
    const app = appOf((all) => all.use('/articles', router))
    expect(await codeOf(request(app).put('/articles/1').send({}))).toBe('428 precondition_required')
  })
})

describe('by app.use on the path of the item', () => {
  const onItem = async () => {
    const it = await shelf()
    const app = appOf((all) => {
      all.use('/articles/:id', chainFor(it))
      all.all('/articles/:id', tells(it))
      all.all('/articles/:id/comments', tells(it))
    })
    return { ...it, app }
  }

  test.each(['/articles/1', '/articles/1/', '/articles/1?draft', '/Articles/1', '/articles/%31'])(
    '%s is the resource "1"',
    async (url) => {
      const { app, tag } = await onItem()
      expect(await codeOf(request(app).put(url).send({}))).toBe('428 precondition_required')
      const { body } = await request(app).put(url).set('If-Match', tag).send({})
      expect(body).toEqual({ key: '1', action: 'replace' })
    },
  )

  test.each(['/articles/1//', '/articles/1///'])('%s is nobody else’s', async (url) => {
    const { adapter } = await shelf()
    const item = express.Router({ mergeParams: true })
    item.put('/', (_req, res) => void res.json({ unguarded: true }))
    const app = appOf((all) => all.use('/articles/:id', detectConflicts<Doc>({ name: 'article', adapter }), item))
    expect((await request(app).put(url).send({})).body).toMatchObject({ code: 'precondition_required' })
  })

  test('the absolute form of a request names the same resource, whatever its host', async () => {
    const { app } = await onItem()
    const { status } = await raw(app, ['DELETE http://elsewhere.example/articles/1 HTTP/1.1'])
    expect(status).toBe(428)
  })

  test('a path below is another resource and passes untouched', async () => {
    const { app } = await onItem()
    const response = await request(app).put('/articles/1/comments').set('If-Match', '"old"').send({})
    expect([response.status, response.body]).toEqual([200, PASSED])
  })

  test('a path below passes also when an earlier route left itself on the request', async () => {
    const it = await shelf()
    const app = appOf((all) => {
      all.all(isExpress4 ? '*' : '/{*all}', (_req, _res, next) => next())
      all.use('/articles/:id', chainFor(it))
      all.all('/articles/:id', tells(it))
      all.all('/articles/:id/comments', tells(it))
    })
    expect((await request(app).put('/articles/1/comments').send({})).body).toEqual(PASSED)
    expect(await codeOf(request(app).put('/articles/1').send({}))).toBe('428 precondition_required')
  })

  test('in a router too, an earlier route changes nothing', async () => {
    const it = await shelf()
    const router = express.Router()
    router.all(isExpress4 ? '*' : '/{*all}', (_req, _res, next) => next())
    router.use('/:id', chainFor(it))
    router.all('/:id', tells(it)).all('/:id/comments', tells(it))
    const app = appOf((all) => all.use('/articles', router))
    expect((await request(app).put('/articles/1/comments').send({})).body).toEqual(PASSED)
    expect(await codeOf(request(app).put('/articles/1').send({}))).toBe('428 precondition_required')
  })
})

describe.each([
  [
    'by app.use above the item',
    (app: express.Express, ...rest: express.RequestHandler[]) => app.use('/articles', ...rest),
  ],
  [
    'by router.use',
    (app: express.Express, ...rest: express.RequestHandler[]) => app.use('/articles', express.Router().use(...rest)),
  ],
])('%s, with a path', (_name, mount) => {
  const above = async (options: Partial<ConflictOptions<Doc>> = {}) => {
    const it = await shelf()
    const app = appOf((all) => mount(all, chainFor(it, { path: '/:id', ...options }), tells(it)))
    return { ...it, app }
  }

  test('the path is the item', async () => {
    const { app, tag } = await above()
    expect(await codeOf(request(app).put('/articles/1').send({}))).toBe('428 precondition_required')
    const { body } = await request(app).put('/articles/%31/').set('If-Match', tag).send({})
    expect(body).toEqual({ key: '1', action: 'replace' })
  })

  test('POST on the mount itself creates', async () => {
    const { app } = await above()
    const { body } = await request(app).post('/articles').send({})
    expect(body.action).toBe('create')
  })

  test.each(['get', 'put', 'patch', 'delete', 'options'] as const)('%s on the mount itself passes', async (method) => {
    const { app } = await above()
    expect((await request(app)[method]('/articles')).body).toEqual(PASSED)
  })

  test.each(['/articles/1/comments', '/articles/1/comments/1'])('%s is deeper, and passes', async (url) => {
    const { app } = await above()
    expect((await request(app).put(url).send({})).body).toEqual(PASSED)
  })

  test('literal parts of the path are matched as Express matches them, in any case', async () => {
    const { app } = await above({ path: '/items/:id' })
    expect(await codeOf(request(app).put('/articles/items/1').send({}))).toBe('428 precondition_required')
    expect(await codeOf(request(app).put('/articles/ITEMS/1').send({}))).toBe('428 precondition_required')
    expect((await request(app).put('/articles/others/1').send({})).body).toEqual(PASSED)
  })

  test('a part that cannot be decoded is 400, as on a route', async () => {
    const { app } = await above()
    expect((await request(app).get('/articles/%E0%A4%A')).status).toBe(400)
  })
})

test('a parameter of the mount is not the key of what is created below it', async () => {
  const it = await shelf()
  const app = appOf((all) => {
    all.use('/articles/:id/comments', chainFor(it, { path: '/:id' }), commitChange())
  })
  const { headers } = await request(app).post('/articles/1/comments').send({ title: 'comment' }).expect(201)
  expect(headers.location).toMatch(/^\/articles\/1\/comments\/[0-9a-f-]{36}$/)
  expect(await it.stored()).toEqual({ title: 'first' })
})

describe('a key that is no key', () => {
  test.each([
    [
      'is missing',
      '/articles',
      {},
      /key of the article on PUT \/articles is undefined.*app\.use\('\/articles\/:id', chain\)/,
    ],
    ['is empty', '/articles/:id', { key: () => '' }, /The key option has to give a non-empty string/],
    ['is a number', '/articles/:id', { key: () => 1 as unknown as string }, /is 1\. The key option/],
  ])('%s: a mistake of the app, with the way out', async (_name, path, options, message) => {
    const it = await shelf()
    const app = appOf((all) => all.put(path, chainFor(it, options), tells(it)))
    const response = await request(app).put(path.replace(':id', '1')).set('If-Match', it.tag).send({})
    expect([response.status, response.body.mistake]).toEqual([500, expect.stringMatching(message)])
  })

  test('below a router that hides the parameters of its mount, the way out is named', async () => {
    const it = await shelf()
    const app = appOf((all) => all.use('/articles/:id', express.Router().use(chainFor(it))))
    const { body } = await request(app).put('/articles/1').send({})
    expect(body.mistake).toMatch(/mergeParams: true/)
  })

  test('the array of parts that a wildcard gives in Express 5 asks to be joined', async () => {
    const it = await shelf()
    const key = () => ['a', 'b'] as unknown as string
    const app = appOf((all) => all.put('/files/:id', chainFor(it, { key }), tells(it)))
    const { body } = await request(app).put('/files/1').send({})
    expect(body.mistake).toMatch(/an array.*req\.params\.path\.join/)
  })

  test('a wildcard is a key when the app makes a string of it', async () => {
    const it = await shelf({ title: 'file' })
    await it.change({ title: 'file' }, 'a/b')
    const key = (req: express.Request) => [Object.values(req.params)[0]].flat().join('/')
    const app = appOf((all) => all.get(isExpress4 ? '/files/*' : '/files/*path', chainFor(it, { key }), tells(it)))
    expect((await request(app).get('/files/a/b')).body).toEqual({ key: 'a/b', action: 'read' })
  })
})

test('skip lets a request pass, and is asked for each', async () => {
  const it = await shelf()
  const skip = (req: express.Request) => req.headers['x-import'] === 'yes'
  const app = appOf((all) => all.put('/articles/:id', chainFor(it, { skip }), tells(it)))
  expect((await request(app).put('/articles/1').set('X-Import', 'yes').send({})).body).toEqual(PASSED)
  expect(await codeOf(request(app).put('/articles/1').send({}))).toBe('428 precondition_required')
})

test.each(['/:id.json', '/:from-:to', '/:', '/a//:id', ':id', '/articles'])(
  'a path of %s is refused at start-up',
  async (path) => {
    const it = await shelf()
    expect(() => chainFor(it, { path })).toThrow(`path: "${path}" is not a path that is understood here`)
  },
)

test('slashes alone behind a mount with a path are its collection', async () => {
  const it = await shelf()
  const app = appOf((all) => {
    all.use('/articles', chainFor(it, { path: '/:id' }))
    all.use('/articles', (_req, res) => void res.json({ passed: true }))
  })
  for (const url of ['/articles', '/articles/', '/articles//'])
    expect((await request(app).put(url).send({})).body).toEqual({ passed: true })
})

describe('a chain above the resources that does not say where their key is', () => {
  async function writtenBlindly(name: string, mount: (app: express.Express, chain: express.RequestHandler) => unknown) {
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const it = await shelf()
    const app = appOf((all) => {
      mount(all, chainFor(it, { name }))
      all.put('/articles/:id', (_req, res) => void res.json({}))
      all.get('/articles/:id', (_req, res) => void res.json({}))
    })
    await request(app).get('/articles/1').expect(200)
    expect(warned).not.toHaveBeenCalled()
    for (let times = 0; times < 2; times++) await request(app).put('/articles/1').send({}).expect(200)
    const calls = warned.mock.calls.map(([text]) => String(text))
    warned.mockRestore()
    return calls
  }

  test('is told of, once, when a change was answered that it let pass', async () => {
    const calls = await writtenBlindly('above', (app, chain) => app.use('/articles', chain))
    expect(calls).toEqual([expect.stringContaining(`the chain of the above that is mounted above it let it pass`)])
  })

  test.each(['GET', 'HEAD', 'PUT', 'DELETE'])(
    'fails a %s that nobody asked `allow` about, before its handler runs',
    async (method) => {
      const it = await shelf()
      let ran = false
      const app = appOf((all) => {
        all.use('/articles', chainFor(it, { name: 'unasked', allow: () => false }))
        all.all('/articles/:id', (_req, res) => {
          ran = true
          res.json({})
        })
      })
      const answer = await (request(app) as never as Record<string, (url: string) => request.Test>)[
        method.toLowerCase()
      ]?.('/articles/1')
      expect([answer?.status, ran]).toEqual([500, false])
    },
  )

  test('not where another one guards the change, nor on paths below a resource', async () => {
    const other = await shelf()
    const guarding = detectConflicts<Doc>({
      name: 'guarding',
      adapter: other.adapter,
      preconditions: { required: false },
    })
    expect(
      await writtenBlindly('first', (app, chain) => {
        app.use('/articles', chain)
        app.use('/articles/:id', guarding, (_req, res) => void res.status(200).json({}))
      }),
    ).toEqual([expect.stringContaining('nothing was committed')])
    expect(await writtenBlindly('deep', (app, chain) => app.use('/:id', chain))).toEqual([])
  })
})
