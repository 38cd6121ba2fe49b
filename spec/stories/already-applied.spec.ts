import express from 'express'
import request from 'supertest'
import { detectConflicts, resourceOf, respondToConflicts } from '../../lib'
import { gatedAdapter, noteApp } from './race'

/** A client sent a change, it was made, and the answer was lost: the client sends it again. */
async function afterLostAnswer(
  options: Parameters<typeof noteApp>[1] = { alreadyApplied: ['PUT', 'DELETE'] },
  tombstones = false,
) {
  const adapter = gatedAdapter({ tombstones })
  const first = await adapter.inner.write('1', { id: '1', title: 'first' }, null)
  const version = first.ok ? first.state.version : ''
  const second = await adapter.inner.write('1', { id: '1', title: 'mine' }, version)
  const current = second.ok ? second.state.version : ''
  return { adapter, app: noteApp(adapter, options), old: `"${version}"`, version, current: `"${current}"` }
}

test('a PUT that was carried out before is answered with success and the current tag; nothing is written', async () => {
  const { adapter, app, old, current } = await afterLostAnswer()
  const response = await request(app).put('/notes/1').set('If-Match', old).send({ id: '1', title: 'mine' }).expect(200)
  expect(response.body).toEqual({ id: '1', title: 'mine' })
  expect(response.headers.etag).toBe(current)
  expect(adapter.calls.write).toBe(0)
})

test.each(['PUT', 'PATCH'])(
  'by default nobody is told that a %s of his was stored when it was another’s',
  async (method) => {
    const adapter = gatedAdapter()
    const counter = await adapter.inner.write('1', { id: '1', title: '0' }, null)
    const seen = counter.ok ? `"${counter.state.version}"` : ''
    const app = noteApp(adapter)
    const addOne = () =>
      request(app)[method === 'PUT' ? 'put' : 'patch']('/notes/1').set('If-Match', seen).send({ id: '1', title: '1' })
    const answers = await Promise.all(Array.from({ length: 8 }, addOne))
    expect(answers.filter(({ status }) => status < 300)).toHaveLength(1)
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 412]))
  },
)

test('a PUT of anything else is 412', async () => {
  const { app, old } = await afterLostAnswer()
  await request(app).put('/notes/1').set('If-Match', old).send({ id: '1', title: 'other' }).expect(412)
})

test('a version in the body is forgiven like a tag', async () => {
  const { adapter, app, version } = await afterLostAnswer({
    alreadyApplied: ['PUT'],
    preconditions: { versionField: '/revision' },
  })
  await request(app).put('/notes/1').send({ id: '1', title: 'mine', revision: version }).expect(200)
  expect(adapter.calls.write).toBe(0)
})

test('If-None-Match: * says that nothing may be there: the same content is no excuse', async () => {
  const { app } = await afterLostAnswer()
  await request(app).put('/notes/1').set('If-None-Match', '*').send({ id: '1', title: 'mine' }).expect(412)
})

test('a malformed If-Match is never forgiven', async () => {
  const { app } = await afterLostAnswer()
  await request(app).put('/notes/1').set('If-Match', 'old').send({ id: '1', title: 'mine' }).expect(400)
})

test('a missing condition is not forgiven', async () => {
  const { app } = await afterLostAnswer()
  await request(app).put('/notes/1').send({ id: '1', title: 'mine' }).expect(428)
})

test('a PATCH is forgiven only where the app says so', async () => {
  const patch = (app: express.Express, tag: string) =>
    request(app).patch('/notes/1').set('If-Match', tag).type('application/merge-patch+json').send('{"title":"mine"}')
  const byDefault = await afterLostAnswer()
  await patch(byDefault.app, byDefault.old).expect(412)
  const saidSo = await afterLostAnswer({ alreadyApplied: ['PATCH'] })
  await patch(saidSo.app, saidSo.old).expect(200)
  expect(saidSo.adapter.calls.write).toBe(0)
})

test('an app that forgives nothing answers 412', async () => {
  const { app, old } = await afterLostAnswer({ alreadyApplied: [] })
  await request(app).put('/notes/1').set('If-Match', old).send({ id: '1', title: 'mine' }).expect(412)
})

test('a caller who may not see the resource learns nothing from it', async () => {
  const { app, old } = await afterLostAnswer({ allow: () => false })
  await request(app).put('/notes/1').set('If-Match', old).send({ id: '1', title: 'mine' }).expect(403)
})

test('with validators refused by RFC 9110 §9.3.4 when what is stored is more than what was sent', async () => {
  const { app, old } = await afterLostAnswer()
  const response = await request(app).put('/notes/1').set('If-Match', old).send({ title: 'mine' }).expect(200)
  expect(response.headers.etag).toBeUndefined()
})

describe('a DELETE of what was removed', () => {
  async function removed(options: Parameters<typeof noteApp>[1] = {}) {
    const given = await afterLostAnswer(options, true)
    const state = await given.adapter.inner.read('1')
    await given.adapter.inner.remove('1', state!.version)
    return given
  }

  test.each([['the old tag'], ['*']])('is 204 with If-Match: %s', async (condition) => {
    const { adapter, app, current } = await removed()
    await request(app)
      .delete('/notes/1')
      .set('If-Match', condition === '*' ? '*' : current)
      .expect(204)
    expect(adapter.calls.remove).toBe(0)
  })

  test('is 410 without a condition, and for every other method', async () => {
    const { app, current } = await removed()
    await request(app).delete('/notes/1').expect(410)
    await request(app).get('/notes/1').expect(410)
    await request(app).put('/notes/1').set('If-Match', current).send({ title: 'mine' }).expect(410)
  })

  test('is 403 for a caller who may not remove it', async () => {
    const { app, current } = await removed({ allow: () => 'no' })
    await request(app).delete('/notes/1').set('If-Match', current).expect(403)
  })

  test('is 410 where the app forgives nothing', async () => {
    const { app, current } = await removed({ alreadyApplied: ['PUT'] })
    await request(app).delete('/notes/1').set('If-Match', current).expect(410)
  })

  test('is 404 where no tombstone stays', async () => {
    const { app, current } = await afterLostAnswer()
    await request(app).delete('/notes/1').set('If-Match', current).expect(204)
    await request(app).delete('/notes/1').set('If-Match', current).expect(404)
  })
})

test('an app that writes by itself is not asked: the chain answers 204 with the current tag', async () => {
  const { adapter, old, current } = await afterLostAnswer()
  const app = express()
  let asked = 0
  app.use(express.json())
  const chain = detectConflicts({ name: 'note', adapter, writes: 'by-app', alreadyApplied: ['PUT'] })
  app.put('/notes/:id', chain, (req, res) => {
    asked++
    res.json(resourceOf(req, chain).proposed)
  })
  app.use(respondToConflicts())
  const response = await request(app).put('/notes/1').set('If-Match', old).send({ id: '1', title: 'mine' }).expect(204)
  expect(response.headers.etag).toBe(current)
  expect(asked).toBe(0)
})

test('two versions that contradict each other are 400, whatever is stored', async () => {
  const { app, version, current } = await afterLostAnswer({ preconditions: { versionField: '/revision' } })
  const response = await request(app)
    .put('/notes/1')
    .set('If-Match', current)
    .send({ id: '1', title: 'mine', revision: version })
    .expect(400)
  expect(response.body.code).toBe('conflicting_conditions')
})
