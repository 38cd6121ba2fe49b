import { ObjectId } from 'mongodb'
import request from 'supertest'
import { type StandIn, standIn } from '../backends/mongodb/stand-in'
import { membersOf } from '../sources'
import { pageAt } from './page'
import { runScript } from './walkthrough'

const page = pageAt('docs/mongodb.md')
const blockWith = (part: string) => page.blocks.find(({ text }) => text.includes(part))?.text ?? ''

let server: StandIn
const opened: Array<{ close(): Promise<void> }> = []
beforeAll(async () => {
  server = await standIn()
  process.env.MONGODB_URL = server.url
})
afterAll(async () => {
  await require('mongoose').disconnect()
  await Promise.all(opened.map((client) => client.close()))
  await server.close()
})

/** What the page connects with has to be closed. */
function load(name: string): unknown {
  if (name !== 'mongodb') return require(name)
  const driver = require('mongodb') as typeof import('mongodb')
  class MongoClient extends driver.MongoClient {
    constructor(url: string) {
      super(url)
      opened.push(this)
    }
  }
  return { ...driver, MongoClient }
}

test('the first app: made, read, changed by one of three that race, removed; abc is 404', async () => {
  const app = runScript(blockWith('generateKey'), load)
  const agent = request(app as never)
  const made = await agent.post('/articles').send({ title: 'one' })
  expect(made.status).toBe(201)
  const path = made.headers.location as string
  expect(ObjectId.isValid(path.split('/').at(-1) ?? '')).toBe(true)
  const { etag } = (await agent.get(path)).headers as { etag: string }
  const put = (title: string) => agent.put(path).set('If-Match', etag).send({ title })
  const answers = await Promise.all([put('two'), put('three'), put('four')].map(async (answer) => await answer))
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412])
  const last = (await agent.get(path)).headers.etag as string
  expect((await agent.delete(path).set('If-Match', last)).status).toBe(204)
  expect((await agent.get('/articles/abc')).status).toBe(404)
})

test('the app over models of Mongoose: a save that came second is refused', async () => {
  const app = runScript(blockWith('optimisticConcurrency: true })'), load)
  const { _id: id } = await require('mongoose').models.Note.create({ title: 'one' })
  const agent = request(app as never)
  const { etag } = (await agent.get(`/notes/${id}`)).headers as { etag: string }
  const put = () => agent.put(`/notes/${id}`).set('If-Match', etag).send({ title: 'two' })
  const answers = await Promise.all([put(), put(), put()].map(async (answer) => await answer))
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412])
  const next = answers.find(({ status }) => status === 200)?.headers.etag
  expect(next).toBe((await agent.get(`/notes/${id}`)).headers.etag)
})

test.each(['toDocument: ({', "isolation: 'transaction' })", 'mongoose.models.Page'])(
  'the code with %s runs',
  (part) => {
    expect(blockWith(part)).not.toBe('')
    runScript(blockWith(part), load)
  },
)

test('every option is in its table', () => {
  const rows = [...page.prose.matchAll(/^\| `(\w+)` +\|/gm)].map(([, name]) => name)
  const options = [
    ...membersOf('backends/mongodb/options.ts', 'MongoAdapterOptions'),
    ...membersOf('backends/mongodb/store.ts', 'MongoStoreOptions'),
  ]
  expect(rows.sort()).toEqual(options.sort())
})
