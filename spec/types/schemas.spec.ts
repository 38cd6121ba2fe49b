import type { type } from 'arktype'
import { expectTypeOf } from 'expect-type'
import type { Request } from 'express'
import type { Static, TNumber, TObject, TString } from 'typebox'
import * as v from 'valibot'
import { z } from 'zod'
import {
  type Change,
  type Committed,
  type ConflictMiddleware,
  type ConflictOptions,
  defineResource,
  detectConflicts,
  memoryAdapter,
  type ResourceAdapter,
  type ResourceDefinition,
  type ResourceState,
  resourceOf,
  resourceRouter,
} from '../../lib'

// Asserted by the compiler, under the types of Express 5 and of Express 4 (tsconfig.express4.json).

interface Article {
  title: string
  words: number
}

const ofZod = z.object({ title: z.string(), words: z.number().default(0) })
const ofValibot = v.object({ title: v.string(), words: v.optional(v.number(), 0) })
// Their packages are ES modules, which Jest cannot load; for the compiler their types will do.
type ArkArticle = type.infer<{ title: 'string'; words: 'number' }>
const ofArk = (schema: type<ArkArticle>) => detectConflicts({ name: 'arktype', adapter: memoryAdapter(), schema })
type TypeBoxArticle = TObject<{ title: TString; words: TNumber }>
const ofTypeBox = (schema: TypeBoxArticle) =>
  detectConflicts({ name: 'typebox', adapter: memoryAdapter<Static<TypeBoxArticle>>(), schema })

test('where the adapter says nothing, the value is what the schema makes', () => {
  const chains = [
    detectConflicts({ name: 'zod', schema: ofZod, adapter: memoryAdapter() }),
    detectConflicts({ name: 'valibot', adapter: memoryAdapter(), schema: ofValibot }),
  ] as const
  expect(chains).toHaveLength(2)
  expectTypeOf(chains[0]).toExtend<ConflictMiddleware<Article>>()
  expectTypeOf(chains[1]).toExtend<ConflictMiddleware<Article>>()
  expectTypeOf(ofArk).returns.toExtend<ConflictMiddleware<Article>>()
  expectTypeOf(ofTypeBox).returns.toExtend<ConflictMiddleware<Article>>()
  const found = (req: Request) => chains.map((chain) => resourceOf(req, chain))
  expectTypeOf(found).returns.items.toHaveProperty('proposed').toEqualTypeOf<Article | undefined>()
})

test('TypeBox before 1.0 carries its type along', () => {
  const schema = { type: 'object' } as { type: 'object'; static: Article; params: unknown[] }
  const article = defineResource({ name: 'old typebox', adapter: memoryAdapter(), schema })
  expectTypeOf(article).toExtend<ResourceDefinition<Article>>()
  expect(article.name).toBe('old typebox')
})

test('rules, keys, commit and what is shown know it too', () => {
  const adapter = memoryAdapter()
  const article = defineResource({
    name: 'article',
    adapter,
    schema: ofZod,
    rules: [
      (change) => {
        expectTypeOf(change).toEqualTypeOf<Change<Article>>()
        return undefined
      },
    ],
    allow: (_req, current) => {
      expectTypeOf(current).toEqualTypeOf<ResourceState<Article> | undefined>()
    },
    generateKey: ({ title }) => title,
    expose: ({ value }) => value.words,
  })
  expectTypeOf(article).toEqualTypeOf<
    ResourceDefinition<Article, typeof adapter extends ResourceAdapter<unknown, infer Handle> ? Handle : never>
  >()
  const commit = (req: Request) => resourceOf(req, article).commit((current) => ({ title: 'x', words: 1, ...current }))
  expectTypeOf(commit).returns.resolves.toEqualTypeOf<Committed<Article>>()
  // @ts-expect-error words is a number
  const wrong = (req: Request) => resourceOf(req, article).commit({ title: 'x', words: 'many' })
  const router = resourceRouter({
    name: 'routed',
    adapter: memoryAdapter(),
    schema: ofValibot,
    rules: [({ proposed }) => (proposed?.words === 0 ? { detail: 'It is empty.' } : undefined)],
  })
  expect([commit, wrong, router]).toHaveLength(3)
})

test('an adapter that says what it stores is believed', () => {
  interface Row extends Article {
    author: string
  }
  const article = defineResource({ name: 'row', adapter: memoryAdapter<Row>(), schema: ofZod })
  expectTypeOf(article).toExtend<ResourceDefinition<Row>>()
  const read = async () => ({ value: { title: 'x', words: 1 }, version: '1' })
  const byApp = detectConflicts({ name: 'by app', writes: 'by-app', adapter: { read }, schema: ofZod })
  expectTypeOf(byApp).toExtend<ConflictMiddleware<Article>>()
  expect([article.name, byApp.stages.length]).toEqual(['row', 3])
})

test('JSON Schema says nothing about it, and neither do options that are handed on', () => {
  const article = defineResource({ name: 'json schema', adapter: memoryAdapter(), schema: { type: 'object' } })
  expectTypeOf(article).toExtend<ResourceDefinition<unknown>>()
  const rest: Partial<ConflictOptions<Article>> = { schema: ofZod }
  const spread = defineResource({ name: 'spread', adapter: memoryAdapter<Article>(), ...rest })
  expectTypeOf(spread).toExtend<ResourceDefinition<Article>>()
  const options: ConflictOptions<Article> = { name: 'typed options', adapter: memoryAdapter() }
  expectTypeOf(detectConflicts(options)).toExtend<ConflictMiddleware<Article>>()
  expect([article.name, spread.name]).toEqual(['json schema', 'spread'])
})
