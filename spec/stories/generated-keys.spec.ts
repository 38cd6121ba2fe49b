import express from 'express'
import request from 'supertest'
import {
  type ConflictOptions,
  commitChange,
  detectConflicts,
  memoryAdapter,
  resourceRouter,
  respondToConflicts,
} from '../../lib'

interface Note {
  readonly text: string
}

/** Gives keys by counting up, as a serial column does. */
function countingAdapter() {
  const inner = memoryAdapter<Note>()
  let last = 0
  return {
    ...inner,
    async create(value: Note) {
      last++
      const written = await inner.write(String(last), value, null)
      if (!written.ok) throw new Error('unique_violation: the sequence gave a key that is taken')
      return { key: String(last), state: written.state }
    },
  }
}

const appOf = (options: Partial<ConflictOptions<Note>> = {}) => {
  const app = express()
  const resource = { name: 'note', adapter: countingAdapter(), ...options }
  app.use('/notes', resourceRouter(resource))
  app.put('/own/:id', express.json(), detectConflicts({ ...resource, name: 'own' }), commitChange())
  app.use(respondToConflicts())
  return app
}

describe('where the store gives the key', () => {
  test.each(['/notes/1', '/own/1'])('PUT %s does not create, and is no hindrance for a POST', async (path) => {
    const app = appOf()
    for (const condition of [{}, { 'If-None-Match': '*' }, { 'If-Match': '*' }, { 'If-Match': '"x"' }]) {
      const { status, body } = await request(app).put(path).set(condition).send({ text: 'x' })
      expect([status, body.code]).toEqual([404, 'not_found'])
    }
    const made = await request(app).post('/notes').send({ text: 'y' })
    expect([made.status, made.headers.location]).toEqual([201, '/notes/1'])
    const changed = await request(app).put(path).set('If-Match', String(made.headers.etag)).send({ text: 'z' })
    expect(changed.status).toBe(200)
  })

  test('PUT creates where it is asked for', async () => {
    const { status } = await request(appOf({ create: ['PUT', 'POST'] }))
      .put('/notes/7')
      .send({ text: 'x' })
    expect(status).toBe(201)
  })
})
