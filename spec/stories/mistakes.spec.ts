import express from 'express'
import request from 'supertest'
import { z } from 'zod'
import {
  asyncHandler,
  ConflictError,
  type ConflictOptions,
  changeStream,
  commitChange,
  contentHash,
  defineResource,
  detectConflicts,
  editLockRouter,
  fetchState,
  honorIdempotencyKey,
  memoryAdapter,
  memoryLocks,
  memoryStore,
  type ResourceAdapter,
  receiveFile,
  reportChange,
  resourceOf,
  resourceRouter,
  sendFile,
  signature,
} from '../../lib'
import { appOf, type Doc, shelf } from './app'

/** What people get wrong first. Each message names the value, the place and the way out. */
describe('a mistake is found when the app starts:', () => {
  const options = (more: object) =>
    ({ name: 'article', adapter: memoryAdapter<Doc>(), ...more }) as ConflictOptions<Doc>

  test.each<[string, object, RegExp]>([
    [
      'an adapter that was not made',
      { adapter: memoryAdapter },
      /adapter has to be .*memoryAdapter\(\); got a function/,
    ],
    [
      'an adapter that is a pool',
      { adapter: { query() {} } },
      /adapter has to be a ResourceAdapter with a read method/,
    ],
    [
      'an adapter of which only the promise is there',
      { adapter: Promise.resolve({}) },
      /adapter has to be a ResourceAdapter/,
    ],
    ['an adapter that cannot write', { adapter: { read() {} } }, /has no write method.*writes: 'by-app'/],
    ['a misspelt option', { immutible: ['/a'] }, /no option "immutible". Did you mean "immutable"/],
    ['a misspelt option of a group', { preconditions: { require: true } }, /Did you mean "required"/],
    ['a member without a slash', { immutable: ['author'] }, /Did you mean "\/author"/],
    ['one member in place of a list', { immutable: '/author' }, /immutable has to be an array/],
    ['one rule in place of a list', { rules: () => undefined }, /rules has to be an array/],
    ['a lock manager in place of options', { isolation: 'lock', lock: memoryLocks() }, /lock: .*manager/],
    ['isolation without a lock', { isolation: 'lock' }, /needs lock: \{ manager \}, such as memoryLocks\(\)/],
    ['a store in place of options', { idempotency: memoryStore() }, /idempotency/],
    ['a tag scheme that was not called', { tag: contentHash }, /tag has to be 'version', contentHash\(\)/],
    ['true in place of options', { preconditions: true }, /preconditions has to be an object; got true/],
    ['a path without a parameter', { path: '/articles' }, /path: "\/articles" is not a path/],
    ['a method in small letters', { safeMethods: ['search'] }, /capital letters/],
    ['seconds that are no number', { deadlineMs: '10s' }, /deadlineMs has to be a number of milliseconds/],
    [
      'parse of a schema',
      { schema: z.object({ title: z.string() }).parse },
      /schema: it is a function that threw a \w+ where .* true or false.*Give the schema itself/,
    ],
    [
      'safeParse of a schema',
      { schema: z.object({}).safeParse },
      /schema: it is a function that gave object where .* Give the schema itself/,
    ],
    [
      'an async validator',
      { schema: async () => true },
      /schema: it is a function that gave a promise .*Give the schema itself/,
    ],
    ['a class', { schema: class Article {} }, /schema: it is a function that threw a TypeError where/],
    ['no name', { name: undefined }, /name has to be what the resource is called, such as "article"; got undefined/],
  ])('%s', (_name, more, message) => {
    expect(() => detectConflicts(options(more))).toThrow(message)
  })

  test.each<[string, () => unknown, RegExp]>([
    [
      'an adapter in place of options',
      () => resourceRouter(memoryAdapter() as never),
      /got an adapter\. Give it a name: \{ name: "article", adapter \}/,
    ],
    ['a name in place of options', () => resourceRouter('article' as never), /expected options, got "article"/],
    [
      'a chain in place of options',
      () => resourceRouter(detectConflicts(options({})) as never),
      /expected options.*got a function/,
    ],
    [
      'members of schemas in place of a schema',
      () => detectConflicts(options({ schema: { title: z.string() } })),
      /schema: its member "title" is a schema of zod, and it is none itself\. Give one of the whole resource/,
    ],
    [
      'a secret that is not set',
      () => signature({ secret: undefined as never }),
      /secret is undefined; give at least 32 bytes\. Is the environment variable set\?/,
    ],
    [
      'one earlier secret in place of a list',
      () => signature({ secret: 's'.repeat(32), previousSecrets: 't'.repeat(32) as never }),
      /signature\(\): previousSecrets has to be an array of secrets\.$/,
    ],
    [
      'a Map in place of options',
      () => memoryAdapter(new Map() as never),
      /memoryAdapter\(\): expected options, got an instance of Map\. Known are maxResources, /,
    ],
    [
      'an error handler in asyncHandler',
      () => asyncHandler(((_error: unknown, _req: unknown, _res: unknown, _next: unknown) => undefined) as never),
      /asyncHandler\(\): the handler takes 4 arguments.*error handler.*without it/,
    ],
    [
      'a text in place of the facts of a conflict',
      () => new ConflictError('frozen', 'It is sold.' as never),
      /ConflictError: give facts, such as \{ detail: "It is sold\." \}; got "It is sold\."/,
    ],
  ])('%s', (_name, make, message) => {
    expect(make).toThrow(message)
  })

  test.each([
    ['versionField', 'preconditions'],
    ['required', 'preconditions'],
    ['mode', 'preconditions'],
    ['weak', 'preconditions'],
    ['notModified', 'preconditions'],
    ['store', 'idempotency'],
    ['scope', 'idempotency'],
    ['ttlMs', 'idempotency'],
    ['manager', 'lock'],
    ['waitMs', 'lock'],
    ['transitions', 'lifecycle'],
    ['frozen', 'lifecycle'],
  ])('the option %s outside of its group', (name, group) => {
    expect(() => detectConflicts(options({ [name]: 'x' }))).toThrow(
      `detectConflicts(): there is no option "${name}". It belongs into ${group}: { ${name}: … }.`,
    )
  })

  test.each([
    ['isolationLevel', 'isolation'],
    ['onCommit', 'onCommitted'],
  ])('a name that goes on, or ends early: %s', (wrong, meant) => {
    expect(() => detectConflicts(options({ [wrong]: 'x' }))).toThrow(`Did you mean "${meant}"?`)
  })

  test('options that are not there', () => {
    expect(() => detectConflicts(undefined as never)).toThrow('detectConflicts(): expected options, got undefined.')
  })
})

describe('a factory that was mounted without being called says so, and never hangs:', () => {
  test.each<[string, unknown]>([
    ['commitChange', commitChange],
    ['reportChange', reportChange],
    ['sendFile', sendFile],
    ['detectConflicts', detectConflicts],
    ['fetchState', fetchState],
    ['resourceRouter', resourceRouter],
    ['honorIdempotencyKey', honorIdempotencyKey],
    ['receiveFile', receiveFile],
    ['changeStream', changeStream],
    ['asyncHandler', asyncHandler],
    ['editLockRouter', editLockRouter],
    ['defineResource', defineResource],
  ])('%s', async (name, factory) => {
    const it = await shelf()
    const app = appOf((all) => {
      if (name === 'commitChange' || name === 'reportChange')
        all.put('/articles/:id', detectConflicts({ name: 'article', adapter: it.adapter }), factory as never)
      else all.use('/articles/:id', factory as never)
    })
    const { body } = await request(app).put('/articles/1').set('If-Match', it.tag).send({ title: 'new' }).expect(500)
    expect(body.mistake).toMatch(new RegExp(`TypeError: ${name} was mounted itself: the call is missing.*${name}\\(`))
    expect(await it.stored()).toEqual({ title: 'first' })
  })
})

describe('an adapter that gives something else', () => {
  const told = async (adapter: object, method: 'get' | 'put' | 'delete' = 'put') => {
    const app = appOf((all) =>
      all.use('/articles', resourceRouter({ name: 'article', adapter: adapter as ResourceAdapter<Doc> })),
    )
    const response = await request(app)[method]('/articles/1').set('If-Match', '"1"').send({ title: 'new' })
    expect(response.status).toBe(500)
    return response.body.mistake
  }
  const stored = { read: async () => ({ value: { title: 'first' }, version: '1' }) }

  test.each([
    ['true', true, 'gave true from write(); give { ok: true, state: { value, version } }'],
    ['nothing', undefined, 'gave undefined from write()'],
    ['a number of rows', 1, 'gave 1 from write()'],
    ['the state alone', { value: {}, version: '2' }, 'from write(); give { ok: true, state'],
    ['no state', { ok: true }, 'gave no state after a write'],
    [
      'the version that was read',
      { ok: true, state: { value: { title: 'new' }, version: '1' } },
      'gave another value from write(), still with the version "1" that was read. Every write has to make a new version',
    ],
  ])('from write: %s', async (_name, result, message) => {
    expect(await told({ ...stored, write: async () => result })).toContain(message)
  })

  test('from write: the state that is there already is right, for nothing was to change', async () => {
    const adapter = { ...stored, write: async () => ({ ok: true, state: await stored.read() }) } as ResourceAdapter<Doc>
    const app = appOf((all) => all.use('/articles', resourceRouter({ name: 'article', adapter })))
    await request(app).put('/articles/1').set('If-Match', '"1"').send({ title: 'first' }).expect(200)
  })

  test('from remove: true', async () => {
    const message = 'gave true from remove(); give { ok: true }, or { ok: false, current }'
    expect(await told({ ...stored, write() {}, remove: async () => true }, 'delete')).toContain(message)
  })

  test.each<[string, unknown, string]>([
    ['null', null, 'gave null; give undefined when nothing is stored'],
    [
      'what the driver gave',
      { rows: [{ title: 'x' }], rowCount: 1 },
      'gave an object with rows, rowCount, and no value; give { value: { … }, version: String(row.version) } of rows[0]',
    ],
    [
      'a row',
      { id: 1, title: 'x', version: 3 },
      'gave an object with id, title, version, and no value; give { value: { … }, version: String(row.version) }',
    ],
    ['a row without a version', { title: 'x' }, 'gave an object with title, and no value; give'],
    ['all rows', [{ title: 'x' }], 'gave an array; give { value, version } of one row, or undefined'],
    ['no row', [], 'gave an array; give { value, version } of one row, or undefined'],
    ['a version that is a number', { value: {}, version: 3 }, 'gave the version 3; give String(version)'],
    ['the version of a row that nobody waited for', { value: {}, version: 'undefined' }, 'is an await missing'],
    ['a promise as the value', { value: Promise.resolve({}), version: '1' }, 'a promise as the value; await it first'],
    ['no value', { version: '1' }, 'an object with version, and no value; give { value'],
    ['a value of nothing', { value: undefined, version: '1' }, 'and no value; give { value'],
    ['a date that is a text', { value: {}, version: '1', lastModified: '2026-01-01' }, 'give a Date'],
    ['a text', 'first', 'gave "first"; give { value, version }'],
  ])('from read: %s', async (_name, state, message) => {
    expect(await told({ read: async () => state, write() {} }, 'get')).toContain(message)
  })

  test('from read: the state and no promise works, for nothing is lost by it', async () => {
    const adapter = {
      read: () => ({ value: { title: 'first' }, version: '1' }),
      write() {},
    } as unknown as ResourceAdapter<Doc>
    const app = appOf((all) => all.use('/articles', resourceRouter({ name: 'article', adapter })))
    await request(app).get('/articles/1').expect(200, { title: 'first' })
  })
})

describe('a resourceRouter in the wrong place', () => {
  const told = async (mount: (app: express.Express, router: express.Router) => void, method: 'put' | 'get' = 'put') => {
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const app = appOf((all) => mount(all, resourceRouter<Doc>({ name: 'article', adapter: memoryAdapter() })))
    const { status, body } = await request(app)[method]('/articles/1').send({ title: 'new' })
    const texts = warned.mock.calls.map(([text]) => String(text))
    warned.mockRestore()
    return { status, mistake: body.mistake, texts }
  }

  test('on the resource warns, and says where it belongs', async () => {
    const { status, texts } = await told((app, router) => app.use('/articles/:id', router))
    expect([status, texts]).toEqual([
      405,
      [
        expect.stringMatching(
          /^PUT \/articles\/1 was refused with 405: resourceRouter\(\) is mounted on a path that ends with a parameter, .*Mount it on the collection: app\.use\('\/articles', resourceRouter\(…\)\)/,
        ),
      ],
    ])
  })

  test('below a resource, where it belongs, warns of nothing', async () => {
    const mount = (app: express.Express, router: express.Router) => app.use('/:id', router)
    expect(await told(mount)).toMatchObject({ status: 201, texts: [] })
  })

  test.each(['put', 'get'] as const)('on a route says that it goes into app.use: %s', async (method) => {
    const { status, mistake } = await told((app, router) => app.all('/articles/:id', router as never), method)
    expect([status, mistake]).toEqual([
      500,
      expect.stringMatching(/resourceRouter\(\) stands on a route.*app\.use\('\/articles', resourceRouter\(…\)\)/),
    ])
  })

  test('on a route that it matches works', async () => {
    const mount = (app: express.Express, router: express.Router) => {
      const below = express.Router()
      below.all('/:id', router as never)
      app.use('/articles', below)
    }
    expect((await told(mount)).status).toBe(201)
  })
})

describe('a key', () => {
  test.each<[string, unknown, RegExp]>([
    [
      'that is a promise',
      async () => '1',
      /is a promise \(key cannot wait: look up what it needs in a middleware in front/,
    ],
    ['that is a number', () => 5, /is 5\. The key option has to give a non-empty string: String\(…\)/],
    ['that is a bigint', () => 5n, /is 5\..*String\(…\)/],
    ['that is null', () => null, /is null\. The key option/],
    ['that is an object', () => ({ id: 1 }), /is \{"id":1\}/],
  ])('%s is refused on GET as on PUT', async (_name, key, message) => {
    const it = await shelf()
    const app = appOf((all) =>
      all.use('/articles/:id', detectConflicts({ name: 'a', adapter: it.adapter, key: key as never })),
    )
    for (const method of ['get', 'put'] as const) {
      const { body } = await request(app)[method]('/articles/1').send({}).expect(500)
      expect(body.mistake).toMatch(message)
    }
  })
})

describe('skip', () => {
  test.each<[string, () => Promise<boolean>]>([
    ['that says false later', async () => false],
    ['that says true later', async () => true],
    [
      'that fails later',
      async () => {
        throw new Error('no session')
      },
    ],
  ])('%s lets nobody through: a promise is no answer', async (_name, skip) => {
    const it = await shelf()
    const wrote = jest.fn()
    const later = { skip: skip as never }
    const app = appOf((all) => {
      const chain = detectConflicts<Doc>({ name: 'a', adapter: { read: it.adapter.read }, writes: 'by-app', ...later })
      all.all('/articles/:id', chain, (_req, res) => {
        wrote()
        res.json({})
      })
      const idempotency = { store: memoryStore(), scope: () => 'ann' }
      all.post('/payments', honorIdempotencyKey({ name: 'payment', idempotency, ...later }), (_req, res) => {
        wrote()
        res.json({})
      })
    })
    for (const [method, path] of [
      ['get', '/articles/1'],
      ['put', '/articles/1'],
      ['delete', '/articles/1'],
      ['post', '/payments'],
    ] as const) {
      const { body } = await request(app)[method](path).send({}).expect(500)
      expect(body.mistake).toMatch(/skip of the (a|payment) gave a promise.*cannot wait.*in a middleware in front/)
    }
    expect(wrote).not.toHaveBeenCalled()
  })

  test('as a key that fails later, ends no process', async () => {
    const it = await shelf()
    const unhandled = jest.fn()
    process.on('unhandledRejection', unhandled)
    const fails = async () => {
      throw new Error('no session')
    }
    const app = appOf((all) => {
      all.put('/a/:id', detectConflicts({ name: 'a', adapter: it.adapter, key: fails as never }))
      all.put('/b/:id', detectConflicts({ name: 'b', adapter: it.adapter, skip: fails as never }))
    })
    await request(app).put('/a/1').send({}).expect(500)
    await request(app).put('/b/1').send({}).expect(500)
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })
})

describe('a callback that gives something else:', () => {
  const told = async (options: object, headers: Record<string, string> = {}) => {
    const it = await shelf()
    const chain = detectConflicts<Doc>({ name: 'article', adapter: it.adapter, ...options })
    const app = appOf((all) => all.put('/articles/:id', chain, commitChange()))
    const answer = request(app)
      .put('/articles/1')
      .set({ 'If-Match': it.tag, ...headers })
    const { body } = await answer.send({ title: 'new' }).expect(500)
    expect(await it.stored()).toEqual({ title: 'first' })
    return body.mistake
  }

  test.each<[string, unknown, RegExp]>([
    [
      'a text',
      'Not so.',
      /gave "Not so\."; it has to give what it has against the change, such as \{ detail: 'Why\.' \}/,
    ],
    ['an error', new Error('Not so.'), /gave an instance of Error;/],
    ['a conflict', new ConflictError('frozen'), /gave an instance of ConflictError;/],
    ['a list', [{ detail: 'x' }], /gave \[\{"detail":"x"\}\];/],
    [
      'a message',
      { message: 'Not so.' },
      /A rule of the article: there is no option "message"\. Known are detail, type/,
    ],
    ['a pointer', { detail: 'x', pointer: '/title' }, /there is no option "pointer"\. Did you mean "pointers"/],
    ['pointers that are a text', { detail: 'x', pointers: '/title' }, /pointers has to be an array.*got "\/title"/],
    ['pointers that are names', { detail: 'x', pointers: ['title'] }, /pointers has to be .*Did you mean "\/title"/],
  ])('a rule, %s', async (_name, broken, message) => {
    expect(await told({ rules: [() => broken] })).toMatch(message)
  })

  test('allow, a denial that is none: a caller who may not know of the resource must not get 403', async () => {
    expect(await told({ allow: () => ({ as: 'notFound' }) })).toMatch(
      /allow of the article: as has to be one of "denied", "not_found"; got "notFound"/,
    )
    expect(await told({ allow: () => ({ message: 'No.' }) })).toMatch(/there is no option "message"\. Known are detail/)
  })

  test.each<[string, object, Record<string, string>]>([
    ['scope', { idempotency: { store: memoryStore(), scope: async () => 'ann' } }, { 'Idempotency-Key': '"k"' }],
    ['lock.key', { isolation: 'lock', lock: { manager: memoryLocks(), key: async () => 'k' } }, {}],
  ])('%s, a promise', async (_name, options, headers) => {
    expect(await told(options, headers)).toMatch(/an instance of Promise/)
  })

  test('key, NaN', async () => {
    expect(await told({ key: () => Number('x') })).toMatch(/is NaN\. The key option/)
  })
})

describe('resourceOf', () => {
  const told = async (ask: (req: express.Request, it: { adapter: ResourceAdapter<Doc> }) => unknown) => {
    const it = await shelf()
    const app = appOf((all) => {
      all.get('/articles/:id', detectConflicts({ name: 'article', adapter: it.adapter }), (req, res) => {
        res.json(ask(req, it))
      })
    })
    return (await request(app).get('/articles/1')).body.mistake
  }

  test('with a name in place of the adapter says what to give', async () => {
    expect(await told((req) => resourceOf(req, 'article' as never))).toMatch(
      /resourceOf\(\): no chain .* ran on the request/,
    )
  })

  test('with an adapter says that it takes a definition', async () => {
    expect(await told((req) => resourceOf(req, memoryAdapter() as never))).toMatch(/Give what defineResource\(\) gave/)
  })
})

describe('an answer', () => {
  test('lostRace that was thrown without a call is a failure, not a success', async () => {
    const it = await shelf()
    const adapter = { read: it.adapter.read }
    const app = appOf((all) => {
      const chain = detectConflicts<Doc>({ name: 'article', adapter, writes: 'by-app' })
      all.put('/articles/:id', chain, (req) => {
        throw resourceOf(req, chain).lostRace
      })
    })
    await request(app).put('/articles/1').set('If-Match', it.tag).send({}).expect(500)
  })
})
