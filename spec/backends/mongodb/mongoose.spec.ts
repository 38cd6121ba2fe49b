import express from 'express'
import mongoose from 'mongoose'
import request from 'supertest'
import { detectConflicts, resourceOf, resourceRouter, respondToConflicts } from '../../../lib'
import { mongoAdapter } from '../../../lib/backends/mongodb'
import { type StandIn, standIn } from './stand-in'

interface Article {
  title: string
  tags: string[]
}

const schema = new mongoose.Schema<Article>(
  { title: { type: String, required: true }, tags: [String] },
  { optimisticConcurrency: true },
)
const ArticleModel = mongoose.model('Article', schema)

let server: StandIn
beforeAll(async () => {
  server = await standIn()
  await mongoose.connect(server.url, { serverSelectionTimeoutMS: 20_000, autoIndex: false })
})
afterAll(async () => {
  await mongoose.disconnect()
  await server.close()
})

/** The recipe of docs/mongodb.md: handlers of the app's own, over its models. */
function ownHandlers(beforeSave: () => Promise<unknown> = async () => {}) {
  const chain = detectConflicts<Article>({
    name: `article ${++made}`,
    writes: 'by-app',
    adapter: {
      async read(id) {
        const found = await ArticleModel.findById(id).lean()
        return found ? { value: { title: found.title, tags: found.tags }, version: String(found.__v) } : undefined
      },
    },
  })
  const app = express()
  app.use(express.json())
  app.get('/articles/:id', chain, (req, res) => {
    res.json(resourceOf(req, chain).current?.value)
  })
  app.put('/articles/:id', chain, async (req, res, next) => {
    try {
      const resource = resourceOf(req, chain)
      const { id } = req.params
      await beforeSave()
      const { matchedCount } = await ArticleModel.updateOne(
        { _id: id, __v: Number(resource.current?.version) },
        { $set: resource.proposed as Article, $inc: { __v: 1 } },
      )
      if (matchedCount === 0) throw resource.lostRace()
      res.sendStatus(204)
    } catch (error) {
      next(error)
    }
  })
  app.patch('/articles/:id', chain, async (req, res, next) => {
    try {
      const resource = resourceOf(req, chain)
      const found = await ArticleModel.findById(req.params.id).orFail()
      await beforeSave()
      found.set(resource.proposed as Article)
      await found.save()
      res.json({ title: found.title })
    } catch (error) {
      next(error)
    }
  })
  app.use(respondToConflicts({ logger: { warn: () => {}, error: () => {} } }))
  return request(app)
}
let made = 0

test('updateOne with __v in its filter: a stale client is refused, a lost race answers the same', async () => {
  const { _id: id } = await ArticleModel.create({ title: 'one', tags: [] })
  const agent = ownHandlers()
  const { etag } = (await agent.get(`/articles/${id}`)).headers
  const put = (title: string, tag = etag) =>
    agent
      .put(`/articles/${id}`)
      .set('If-Match', tag as string)
      .send({ title, tags: [] })
  expect((await put('two')).status).toBe(204)
  expect((await put('three')).status).toBe(412)

  const next = (await agent.get(`/articles/${id}`)).headers.etag as string
  const racing = ownHandlers(() => ArticleModel.updateOne({ _id: id }, { $set: { title: 'other' }, $inc: { __v: 1 } }))
  const lost = await racing.put(`/articles/${id}`).set('If-Match', next).send({ title: 'mine', tags: [] })
  expect([lost.status, lost.body.code]).toEqual([412, 'precondition_failed'])
  expect((await ArticleModel.findById(id))?.title).toBe('other')
})

test('save() under optimisticConcurrency throws VersionError, which is a lost race', async () => {
  const { _id: id } = await ArticleModel.create({ title: 'one', tags: [] })
  const agent = ownHandlers(() => ArticleModel.updateOne({ _id: id }, { $set: { title: 'other' }, $inc: { __v: 1 } }))
  const { etag } = (await agent.get(`/articles/${id}`)).headers
  const lost = await agent
    .patch(`/articles/${id}`)
    .set('If-Match', etag as string)
    .send({ title: 'mine' })
  expect([lost.status, lost.body.code]).toEqual([412, 'precondition_failed'])
  expect((await ArticleModel.findById(id))?.title).toBe('other')
})

test('an id that is no ObjectId is 404', async () => {
  const agent = ownHandlers()
  expect((await agent.get('/articles/abc')).status).toBe(404)
  const put = await agent.put('/articles/abc').set('If-Match', '"0"').send({ title: 'x', tags: [] })
  expect(put.status).toBe(412)
})

test('mongoAdapter over Model.collection and its versionKey shares versions with the model', async () => {
  const { _id: id } = await ArticleModel.create({ title: 'one', tags: ['a'] })
  const adapter = mongoAdapter<Article>({
    collection: ArticleModel.collection,
    client: ArticleModel.db.getClient(),
    objectId: mongoose.mongo.ObjectId,
    version: { field: '__v', type: 'number' },
  })
  const app = express()
  app.use('/articles', resourceRouter({ name: 'article of the model', adapter }))
  app.use(respondToConflicts())
  const agent = request(app)
  const read = await agent.get(`/articles/${id}`)
  expect(read.body).toEqual({ title: 'one', tags: ['a'] })

  const stale = await ArticleModel.findById(id).orFail()
  const put = await agent
    .put(`/articles/${id}`)
    .set('If-Match', read.headers.etag as string)
    .send({ title: 'two', tags: [] })
  expect(put.status).toBe(200)
  stale.title = 'three'
  await expect(stale.save()).rejects.toThrow(mongoose.Error.VersionError)

  const fresh = await ArticleModel.findById(id).orFail()
  expect(fresh.__v).toBe(1)
  fresh.title = 'four'
  await fresh.save()
  const late = await agent
    .put(`/articles/${id}`)
    .set('If-Match', put.headers.etag as string)
    .send({ title: 'five', tags: [] })
  expect(late.status).toBe(412)
  expect((await ArticleModel.findById(id))?.title).toBe('four')
})
