import { expectTypeOf } from 'expect-type'
import express, { type Express, type NextFunction, type Request, type Response } from 'express'
import {
  type Action,
  asyncHandler,
  type Change,
  type ConflictMiddleware,
  type ConflictOptions,
  checkPreconditions,
  commitChange,
  defineResource,
  detectConflicts,
  fetchState,
  memoryAdapter,
  type Resource,
  type ResourceAdapter,
  type ResourceState,
  resourceOf,
  resourceRouter,
  respondToConflicts,
  validateChange,
} from '../../lib'

// What is asserted here is asserted by the compiler, under the types of Express 5 and of Express 4 (tsconfig.express4.json).

interface Article {
  title: string
  tags?: string[]
}

const adapter = memoryAdapter<Article>()
const article = defineResource({ name: 'article', adapter })
const chain = detectConflicts(article)

/** The parameters that a handler infers when it stands on a route by itself. */
const mounted = (app: Express) => {
  app.put('/articles/:id', chain, (req, res, next) => {
    expectTypeOf(req.params.id).toEqualTypeOf<string>()
    expectTypeOf(req.method).toBeString()
    expectTypeOf(res.status(200)).toEqualTypeOf(res)
    expectTypeOf(res).toExtend<Response>()
    expectTypeOf(next).toEqualTypeOf<NextFunction>()
  })
  app.get('/articles/:article/comments/:id', chain, chain, (req) => {
    expectTypeOf(req.params.article).toEqualTypeOf<string>()
    expectTypeOf(req.params.id).toEqualTypeOf<string>()
    // @ts-expect-error the path has no such parameter
    expectTypeOf(req.params.comment)
  })
  app.put('/articles/:id', fetchState(article), validateChange(article), (req) => {
    expectTypeOf(req.params.id).toEqualTypeOf<string>()
  })
  app.patch('/articles/:id', chain, async (req, res) => {
    expectTypeOf(req.params.id).toEqualTypeOf<string>()
    res.json(await resourceOf(req, chain).commit())
  })
  app.post(
    '/articles/:id/like',
    chain,
    asyncHandler(async (req, res, next) => {
      expectTypeOf(req).toExtend<Request>()
      expectTypeOf(res).toExtend<Response>()
      next()
    }),
  )
}

test('handlers behind the chain infer what they infer without it', () => {
  expectTypeOf(mounted).parameter(0).toEqualTypeOf<Express>()
  expect(() => mounted(express())).not.toThrow()
})

test('the chain goes wherever a middleware goes', () => {
  const app = express()
  const router = express.Router()
  expect(() => {
    app.use(chain)
    app.use('/articles/:id', chain)
    app.use('/articles', chain, commitChange())
    app.put('/articles/:id', [chain, commitChange()])
    app.route('/articles/:id').all(chain).put(chain, commitChange())
    router.use(chain, commitChange())
    router.put('/:id', chain, checkPreconditions({ name: 'article', adapter }), commitChange())
    app.use('/articles', resourceRouter({ name: 'article', adapter }), respondToConflicts())
  }).not.toThrow()
  expectTypeOf(chain).toExtend<ConflictMiddleware<Article>>()
  expectTypeOf(chain).toExtend<ConflictMiddleware>()
  expectTypeOf(resourceRouter<Article>).returns.toExtend<express.Router>()
  expectTypeOf(respondToConflicts).returns.toEqualTypeOf<express.ErrorRequestHandler>()
})

test.each([article, chain])('resourceOf knows the value by its definition, or by the chain', (resource) => {
  expectTypeOf(resourceOf<Article>).returns.toEqualTypeOf<Resource<Article>>()
  const found = (req: Request) => resourceOf(req, article)
  const foundByChain = (req: Request) => resourceOf(req, chain)
  expect(() => resourceOf({} as Request, resource)).toThrow('no chain of this article ran')
  expectTypeOf(found).returns.toExtend<Resource<Article>>()
  expectTypeOf(foundByChain).returns.toExtend<Resource<Article>>()
  expectTypeOf(found).returns.toHaveProperty('transaction').toExtend<Pick<typeof adapter, 'read' | 'write'>>()
  expectTypeOf(foundByChain).returns.toHaveProperty('transaction').toExtend<Pick<typeof adapter, 'read' | 'write'>>()
  // @ts-expect-error an adapter is no resource: it may be that of several
  expect(() => resourceOf({} as Request, adapter)).toThrow('in place of an adapter')
  expectTypeOf<Resource<Article>['current']>().toEqualTypeOf<ResourceState<Article> | undefined>()
  expectTypeOf<Resource<Article>['proposed']>().toEqualTypeOf<Article | undefined>()
  expectTypeOf<Resource<Article>['action']>().toEqualTypeOf<Action>()
  expectTypeOf<Parameters<Resource<Article>['commit']>[0]>().toEqualTypeOf<
    Article | ((current: Article | undefined) => Article | Promise<Article>) | undefined
  >()
})

test('options infer the value from the adapter', () => {
  const options = detectConflicts({
    name: 'article',
    adapter,
    allow: (req, current) => {
      expectTypeOf(req).toEqualTypeOf<Request>()
      expectTypeOf(current).toEqualTypeOf<ResourceState<Article> | undefined>()
      return true
    },
    rules: [
      (change, req) => {
        expectTypeOf(change).toEqualTypeOf<Change<Article>>()
        expectTypeOf(req).toEqualTypeOf<Request>()
        return undefined
      },
    ],
    generateKey: ({ title }) => title,
    expose: ({ value }) => value.title,
  })
  expect(options.stages).toHaveLength(3)
  expectTypeOf<ConflictOptions<Article>['adapter']>().toEqualTypeOf<ResourceAdapter<Article>>()
})

test('what cannot work does not compile', () => {
  // @ts-expect-error an adapter is needed
  expect(() => detectConflicts({ name: 'article' })).toThrow(TypeError)
  // @ts-expect-error there is no such option
  expect(() => detectConflicts({ name: 'article', adapter, imutable: ['/title'] })).toThrow(TypeError)
  // @ts-expect-error there is no such choice
  expect(() => detectConflicts({ name: 'article', adapter, preconditions: { required: 'yes' } })).toThrow(TypeError)
})
