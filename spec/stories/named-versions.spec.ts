import request from 'supertest'
import { type ConflictOptions, resourceRouter, signature } from '../../lib'
import { appOf, type Doc, shelf } from './app'

/** For clients that cannot set headers: the version in the body at /revision, or in the query as ?revision. */
async function articles(options: Partial<ConflictOptions<Doc>> = {}) {
  const it = await shelf()
  const preconditions = { versionField: '/revision', versionQuery: 'revision', ...options.preconditions }
  const app = appOf((all) =>
    all.use('/articles', resourceRouter<Doc>({ name: 'article', adapter: it.adapter, ...options, preconditions })),
  )
  const put = (body: Doc, query = '') =>
    request(app)
      .put(`/articles/1${query}`)
      .send({ title: 'second', ...body })
  return { ...it, app, put }
}

const refusedBy = ({ status, body }: request.Response) => [status, body.code]

test('the version is shown where bodies may bring it back, and is no part of what is stored', async () => {
  const { app, version, stored } = await articles()
  const { body } = await request(app).get('/articles/1')
  expect(body).toEqual({ title: 'first', revision: version })
  await request(app)
    .put('/articles/1')
    .send({ ...body, title: 'second' })
    .expect(200)
  expect(await stored()).toEqual({ title: 'second' })
})

test('a current version in the query is condition enough', async () => {
  const { put, version, stored } = await articles({ preconditions: { required: 'version' } })
  await put({}, `?revision=${version}`).expect(200)
  expect(await stored()).toEqual({ title: 'second' })
})

test('DELETE brings it in the query', async () => {
  const { app, version, stored } = await articles()
  expect(refusedBy(await request(app).delete('/articles/1?revision=old'))).toEqual([409, 'stale_version'])
  await request(app).delete(`/articles/1?revision=${version}`).expect(204)
  expect(await stored()).toBeUndefined()
})

test.each([
  ['body', { revision: 'old' }, ''],
  ['body, as a number', { revision: 1 }, ''],
  ['query', {}, '?revision=old'],
  ['query, empty', {}, '?revision='],
])('an old version in the %s is 409, and nothing is written', async (_name, body, query) => {
  const { put, stored, tag } = await articles()
  const response = await put(body, query)
  expect(refusedBy(response)).toEqual([409, 'stale_version'])
  expect([response.body.current, response.body.resolution]).toEqual([tag, 'refetch'])
  expect(await stored()).toEqual({ title: 'first' })
})

describe('with the quotes of the ETag that it was copied from', () => {
  test('it is taken, from body and query, and for DELETE', async () => {
    const one = await articles()
    await one.put({ revision: one.tag }).expect(200)
    const two = await articles()
    await two.put({}, `?revision=${encodeURIComponent(two.tag)}`).expect(200)
    const three = await articles()
    await request(three.app)
      .delete(`/articles/1?revision=${encodeURIComponent(three.tag)}`)
      .expect(204)
    const four = await articles()
    await request(four.app).delete('/articles/1').send({ revision: four.tag }).expect(204)
  })

  test('it is the same version as the one without them, and as the tag in If-Match', async () => {
    const { put, tag, version } = await articles()
    await put({ revision: tag }, `?revision=${version}`).set('If-Match', tag).expect(200)
  })

  test('an old one is as old, and half a quote is no quote', async () => {
    const { put, version } = await articles()
    expect(refusedBy(await put({ revision: '"old"' }))).toEqual([409, 'stale_version'])
    expect(refusedBy(await put({ revision: `"${version}` }))).toEqual([409, 'stale_version'])
    expect(refusedBy(await put({ revision: `W/"${version}"` }))).toEqual([409, 'stale_version'])
  })
})

test('an old version beside If-Match: * is 409', async () => {
  const { put, stored } = await articles()
  expect(refusedBy(await put({ revision: 'old' }).set('If-Match', '*'))).toEqual([409, 'stale_version'])
  expect(await stored()).toEqual({ title: 'first' })
})

test('an old version beside a header that holds is 400: the client says two things', async () => {
  const { put, stored, tag } = await articles()
  expect(refusedBy(await put({ revision: 'old' }).set('If-Match', tag))).toEqual([400, 'conflicting_conditions'])
  expect(refusedBy(await put({}, '?revision=old').set('If-Match', tag))).toEqual([400, 'conflicting_conditions'])
  expect(await stored()).toEqual({ title: 'first' })
})

test('a current version beside a header that fails is 412', async () => {
  const { put, stored, version } = await articles()
  expect(refusedBy(await put({ revision: version }).set('If-Match', '"old"'))).toEqual([412, 'precondition_failed'])
  expect(await stored()).toEqual({ title: 'first' })
})

test('body and query that name two versions are 400, whichever is current', async () => {
  const { put, stored, version } = await articles()
  expect(refusedBy(await put({ revision: version }, '?revision=old'))).toEqual([400, 'conflicting_conditions'])
  expect(refusedBy(await put({ revision: 'old' }, `?revision=${version}`))).toEqual([400, 'conflicting_conditions'])
  expect(await stored()).toEqual({ title: 'first' })
})

test('a version that is no text is 400', async () => {
  const { put, stored } = await articles()
  expect(refusedBy(await put({ revision: { at: 1 } }))).toEqual([400, 'malformed_body'])
  expect(refusedBy(await put({}, '?revision=a&revision=b'))).toEqual([400, 'malformed_condition'])
  expect(await stored()).toEqual({ title: 'first' })
})

test('a merge patch names it like a PUT', async () => {
  const { app, stored, version } = await articles()
  const patch = (revision: string) => request(app).patch('/articles/1').send({ author: 'Ann', revision })
  expect(refusedBy(await patch('old'))).toEqual([409, 'stale_version'])
  await patch(version).expect(200)
  expect(await stored()).toEqual({ title: 'first', author: 'Ann' })
})

test('a JSON Patch tests it', async () => {
  const { app, stored, version, tag } = await articles()
  const patch = (revision: string) =>
    request(app)
      .patch('/articles/1')
      .set('If-Match', tag)
      .type('application/json-patch+json')
      .send(
        JSON.stringify([
          { op: 'test', path: '/revision', value: revision },
          { op: 'replace', path: '/title', value: 'second' },
        ]),
      )
  expect(refusedBy(await patch('old'))).toEqual([409, 'patch_failed'])
  await patch(version).expect(200)
  expect(await stored()).toEqual({ title: 'second' })
})

test('on a read neither counts', async () => {
  const { app } = await articles()
  await request(app).get('/articles/1?revision=old').expect(200)
})

test('it is the signature where versions are signed', async () => {
  const { app, put, version, stored } = await articles({ tag: signature({ secret: 's'.repeat(32) }) })
  const { body } = await request(app).get('/articles/1')
  expect(body.revision).not.toBe(version)
  expect(refusedBy(await put({ revision: version }))).toEqual([409, 'stale_version'])
  await put({ revision: body.revision }).expect(200)
  expect(await stored()).toEqual({ title: 'second' })
})

test('after PUT the new version is in the representation; ETag would say that nothing else changed', async () => {
  const { put, version, adapter } = await articles({ tagHeader: 'X-Tag' })
  const { headers, body } = await put({ revision: version }).expect(200)
  const current = (await adapter.read('1'))?.version
  expect([body.revision, headers['x-tag'], headers.etag]).toEqual([current, `"${current}"`, undefined])
})
