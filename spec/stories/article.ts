import express from 'express'
import request, { type Test } from 'supertest'
import { type ConflictOptions, type MemoryAdapter, memoryAdapter, resourceRouter, respondToConflicts } from '../../lib'

export type Article = Record<string, unknown>
export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'

export const MERGE = 'application/merge-patch+json'
export const PATCH = 'application/json-patch+json'

/** An app with one kind of resource, that knows the version of what it stored last. */
export interface ArticleApp {
  readonly app: express.Express
  readonly adapter: MemoryAdapter<Article>
  /** What is stored under "1". */
  stored(): Promise<Article | undefined>
  store(value: unknown): Promise<void>
  /** A request on "1" that names the current version; POST goes to the collection. */
  send(method: Method, body?: unknown, type?: string): Promise<import('supertest').Response>
  put(body: unknown): ReturnType<ArticleApp['send']>
  merge(body: unknown): ReturnType<ArticleApp['send']>
  patch(...operations: unknown[]): ReturnType<ArticleApp['send']>
  post(body: unknown): ReturnType<ArticleApp['send']>
  get(): ReturnType<ArticleApp['send']>
  /** The same without the condition. */
  bare(method: Method, path?: string): Test
}

export async function articleApp(
  stored: unknown,
  options: Partial<ConflictOptions<Article>> = {},
  configure: (app: express.Express) => void = () => undefined,
): Promise<ArticleApp> {
  const adapter = memoryAdapter<Article>()
  const app = express()
  configure(app)
  app.use('/articles', resourceRouter<Article>({ name: 'article', adapter, ...options }))
  app.use(respondToConflicts())
  const quiet: express.ErrorRequestHandler = (error, _req, res, _next) => {
    res.status(error.status ?? 500).json({ unexpected: String(error) })
  }
  app.use(quiet)

  const send: ArticleApp['send'] = async (method, body, type = 'application/json') => {
    const current = await adapter.read('1')
    const test = request(app)[method](method === 'post' ? '/articles' : '/articles/1')
    if (current && method !== 'get' && method !== 'post') test.set('If-Match', `"${current.version}"`)
    if (options.tag && options.tag !== 'version') test.set('If-Match', '*')
    if (body === undefined) return test
    return test.set('Content-Type', type).send(typeof body === 'string' ? body : JSON.stringify(body))
  }
  const it: ArticleApp = {
    app,
    adapter,
    stored: async () => (await adapter.read('1'))?.value,
    async store(value) {
      const current = await adapter.read('1')
      await adapter.write('1', value as Article, current?.version ?? null)
    },
    send,
    put: (body) => send('put', body),
    merge: (body) => send('patch', body, MERGE),
    patch: (...operations) => send('patch', operations, PATCH),
    post: (body) => send('post', body),
    get: () => send('get'),
    bare: (method, path = '/articles/1') => request(app)[method](path),
  }
  if (stored !== undefined) await it.store(stored)
  return it
}

/** The members that a problem names, as `kind pointer`. */
export function named({ body }: { body: { conflicts?: { pointer: string; kind: string }[] } }): string[] {
  return (body.conflicts ?? []).map(({ pointer, kind }) => `${kind} ${pointer}`).sort()
}
