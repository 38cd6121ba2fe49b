import { memoryAdapter } from '../../lib'
import { pageAt } from './page'

interface Article {
  title: string
  status?: string
}

const page = pageAt('docs/recipes.md')

/** What a block defines, over the articles that the frame of the pages has. */
function defined<R>(name: string, articles: unknown): R {
  const block = page.blocks.find(({ text }) => text.includes(`${name} `) || text.includes(`${name}(`))
  return new Function('articles', `${block?.text}\nreturn ${name}`)(articles) as R
}

async function shelf() {
  const adapter = memoryAdapter<Article>()
  const made = await adapter.write('1', { title: 'one' }, null)
  return { adapter, version: made.ok ? made.state.version : '' }
}

test('the queue worker looks again after a lost race, keeps what others saved, and finds its work done', async () => {
  const { adapter, version } = await shelf()
  let isFirst = true
  const gated = {
    ...adapter,
    async read(key: string) {
      const state = await adapter.read(key)
      if (isFirst) await adapter.write('1', { title: 'two' }, version)
      isFirst = false
      return state
    },
  }
  const publish = defined<(id: string) => Promise<boolean>>('publish', gated)
  expect(await publish('1')).toBe(true)
  expect((await adapter.read('1'))?.value).toEqual({ title: 'two', status: 'published' })
  expect(await publish('1')).toBe(false)
  expect(await publish('none')).toBe(false)
})

test('of two mutations with one version the second is refused, and told the version that is stored', async () => {
  interface Resolvers {
    Query: { article(parent: undefined, args: { id: string }): Promise<{ version: string } | null> }
    Mutation: { renameArticle(parent: undefined, args: object): Promise<{ title: string; version: string }> }
  }
  const { adapter } = await shelf()
  const { Query, Mutation } = defined<Resolvers>('resolvers', adapter)
  const version = (await Query.article(undefined, { id: '1' }))?.version
  const rename = (title: string) => Mutation.renameArticle(undefined, { id: '1', title, version })
  const settled = await Promise.allSettled([rename('two'), rename('three')])
  expect(settled.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  const stored = await adapter.read('1')
  await expect(rename('four')).rejects.toMatchObject({
    extensions: { code: 'STALE_VERSION', current: stored?.version },
  })
  expect(await Query.article(undefined, { id: 'none' })).toBeNull()
})
