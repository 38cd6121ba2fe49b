import request from 'supertest'
import { type ConflictOptions, detectConflicts, fetchState, reportChange, resourceRouter } from '../../lib'
import { appOf, type Doc, shelf } from './app'

type Method = 'put' | 'patch' | 'delete' | 'get'

async function articles(options: Partial<ConflictOptions<Doc>> = {}) {
  const it = await shelf({ title: 'first', author: 'Ann', secret: 's' })
  const all: ConflictOptions<Doc> = { name: 'article', adapter: it.adapter, hidden: ['/secret'], ...options }
  const writes = jest.spyOn(it.adapter, 'write')
  const removals = jest.spyOn(it.adapter, 'remove')
  const app = appOf((root) => {
    root.all('/dry/articles/:id', detectConflicts(all), reportChange())
    root.post('/dry/articles', detectConflicts(all), reportChange())
    root.use('/articles', resourceRouter<Doc>(all))
  })
  const nothingWritten = () => writes.mock.calls.length === 0 && removals.mock.calls.length === 0
  return { ...it, app, nothingWritten }
}

describe('a dry run says what would happen, and writes nothing', () => {
  test.each<[Method | 'post', Doc | undefined, object]>([
    [
      'put',
      { title: 'second', author: 'Ann' },
      { action: 'replace', changes: true, changed: ['/title'], proposed: { title: 'second', author: 'Ann' } },
    ],
    ['put', { title: 'first', author: 'Ann' }, { action: 'replace', changes: false, changed: [] }],
    ['patch', { author: null }, { action: 'patch', changed: ['/author'], proposed: { title: 'first' } }],
    ['delete', undefined, { action: 'remove', changes: true }],
    ['post', { title: 'new' }, { action: 'create', changes: true, proposed: { title: 'new' } }],
    ['get', undefined, { action: 'read', changes: false, changed: [] }],
  ])('%s %j', async (method, body, said) => {
    const { app, tag, nothingWritten } = await articles()
    const test = request(app)[method](method === 'post' ? '/dry/articles' : '/dry/articles/1')
    if (method !== 'post' && method !== 'get') test.set('If-Match', tag)
    const response = await (body ? test.send(body) : test)
    expect([response.status, response.body]).toEqual([200, expect.objectContaining(said)])
    expect([response.headers['cache-control'], nothingWritten()]).toEqual(['no-store', true])
  })

  test('hidden members are in no part of it', async () => {
    const { app, tag } = await articles()
    const { text } = await request(app).put('/dry/articles/1').set('If-Match', tag).send({ title: 'second' })
    expect(text).not.toContain('secret')
  })
})

test.each<[string, Method, Record<string, string>, Doc | undefined]>([
  ['precondition_failed', 'put', { 'If-Match': '"old"' }, { title: 'second' }],
  ['precondition_required', 'put', {}, { title: 'second' }],
  ['schema_invalid', 'put', { 'If-Match': '*' }, { title: 1 }],
  ['immutable_field', 'patch', { 'If-Match': '*' }, { author: 'Bob' }],
  ['rule_violation', 'patch', { 'If-Match': '*' }, { title: 'forbidden' }],
  ['unsupported_media_type', 'put', { 'Content-Type': 'text/plain' }, undefined],
  ['precondition_required', 'delete', {}, undefined],
])('a dry run has the same problem as the request itself: %s on %s', async (code, method, headers, body) => {
  const { app, stored, nothingWritten } = await articles({
    schema: { properties: { title: { type: 'string' } } },
    immutable: ['/author'],
    rules: [({ proposed }) => (proposed?.title === 'forbidden' ? { detail: 'Not that title.' } : undefined)],
  })
  const send = (url: string) =>
    request(app)
      [method](url)
      .set(headers)
      .send((body ?? (headers['Content-Type'] && 'x')) as object)
  const [dry, real] = [await send('/dry/articles/1'), await send('/articles/1')]
  expect([dry.status, { ...dry.body, instance: '' }]).toEqual([real.status, { ...real.body, instance: '' }])
  expect([dry.body.code, nothingWritten()]).toEqual([code, true])
  expect(await stored()).toMatchObject({ title: 'first' })
})

test.each([
  ['without a chain', false],
  ['behind a state that was fetched, and no more', true],
])('%s a dry run is a mistake of the app', async (_name, fetched) => {
  const { adapter } = await shelf()
  const stages = fetched ? [fetchState<Doc>({ name: 'article', adapter })] : []
  const app = appOf((all) => all.put('/articles/:id', ...stages, reportChange()))
  const { status, body } = await request(app).put('/articles/1').send({})
  expect([status, body.mistake]).toEqual([500, expect.stringMatching(/^Error: reportChange\(\): no chain ran/)])
})
