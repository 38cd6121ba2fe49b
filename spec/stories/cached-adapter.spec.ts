import request from 'supertest'
import { type ConflictOptions, detectConflicts, memoryAdapter, reportChange, resourceRouter } from '../../lib'
import { cachedAdapter } from '../../lib/backends/cache'
import { appOf, type Doc } from './app'

/** One process with copies, and another one that changes what is stored. */
async function articles(options: Partial<ConflictOptions<Doc>> = {}) {
  const stored = memoryAdapter<Doc>({ tombstones: true })
  const byAnother = async (value: Doc) => {
    const written = await stored.write('1', value, (await stored.read('1'))?.version ?? null)
    return written.ok ? `"${written.state.version}"` : ''
  }
  const first = await byAnother({ title: 'first' })
  const reads = jest.spyOn(stored, 'read')
  const adapter = cachedAdapter(stored, { max: 10, ttlMs: 60_000 })
  const article = { name: 'article', adapter, ...options }
  const app = appOf((all) => {
    all.put('/articles/:id/dry-run', detectConflicts<Doc>(article), reportChange())
    all.use('/articles', resourceRouter<Doc>(article))
  })
  await request(app).get('/articles/1').expect(200)
  reads.mockClear()
  return { app, stored, byAnother, first, reads, put: (path = '/articles/1') => request(app).put(path) }
}

test('reads are answered from memory, 304 too', async () => {
  const { app, reads, first } = await articles()
  await request(app).get('/articles/1').expect(200)
  await request(app).get('/articles/1').set('If-None-Match', first).expect(304)
  expect(reads).not.toHaveBeenCalled()
})

test('an old copy refuses no change that names what is stored', async () => {
  const { put, byAnother } = await articles()
  const tag = await byAnother({ title: 'second' })
  await put().set('If-Match', tag).send({ title: 'third' }).expect(200)
})

test('an old copy lets no change pass that names what it holds', async () => {
  const { put, byAnother, first, stored } = await articles()
  await byAnother({ title: 'second' })
  await put().set('If-Match', first).send({ title: 'mine' }).expect(412)
  await put('/articles/1/dry-run').set('If-Match', first).send({ title: 'mine' }).expect(412)
  await put().set('If-None-Match', '*').send({ title: 'mine' }).expect(412)
  expect((await stored.read('1'))?.value).toEqual({ title: 'second' })
})

test('nor one that its value would allow: frozen, immutable, already applied', async () => {
  const { put, byAnother, first } = await articles({
    lifecycle: { field: '/state', frozen: ['archived'] },
    immutable: ['/owner'],
    alreadyApplied: ['PUT'],
  })
  await byAnother({ title: 'second', owner: 'ben' })
  await put().set('If-Match', first).send({ title: 'first' }).expect(412)
  await put().set('If-Match', '*').send({ title: 'x', owner: 'ann' }).expect(409)
  await byAnother({ title: 'second', owner: 'ben', state: 'archived' })
  const { body } = await put().set('If-Match', '*').send({ title: 'x', owner: 'ben' }).expect(409)
  expect(body.code).toBe('frozen')
})

test('a read that the copy would refuse is looked at again before the refusal is told', async () => {
  const told: string[] = []
  const { app, byAnother, stored } = await articles({
    allow: (_req, current) => current?.value.title !== 'hidden',
    onConflict: ({ conflict }) => told.push(conflict.code),
  })
  await byAnother({ title: 'hidden' })
  const put = () => request(app).put('/articles/1').set('If-Match', '*').send({ title: 'x' })
  // The copy holds the state that this process has just seen.
  await put().expect(403)
  await byAnother({ title: 'shown' })
  await request(app).get('/articles/1').expect(200)
  const version = (await stored.read('1'))?.version ?? ''
  await stored.remove?.('1', version)
  await put().expect(410)
  await byAnother({ title: 'back' })
  await request(app).get('/articles/1').expect(200)
  expect(told).toEqual(['denied', 'gone'])
})

test('a change of this process is seen by its next read', async () => {
  const { app, put, reads } = await articles()
  const { headers } = await put().set('If-Match', '*').send({ title: 'second' }).expect(200)
  reads.mockClear()
  const read = await request(app).get('/articles/1').expect(200)
  expect([read.headers.etag, read.body, reads.mock.calls.length]).toEqual([headers.etag, { title: 'second' }, 0])
})
