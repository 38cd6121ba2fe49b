import express from 'express'
import request from 'supertest'
import {
  type ConflictOptions,
  commitChange,
  detectConflicts,
  type ResourceAdapter,
  resourceOf,
  respondToConflicts,
  type WriteChange,
  type Written,
} from '../../lib'
import { mistake } from './app'

interface Note {
  title: string
}

/** A table with an integer key, as an app would write to it by hand. `meanwhile` runs right in front of each statement. */
function table(meanwhile: () => unknown = () => undefined) {
  const rows = new Map<number, { title: string; version: number }>([[1, { title: 'first', version: 1 }]])
  const adapter: ResourceAdapter<Note> = {
    async read(key) {
      const row = rows.get(Number(key))
      return row && { value: { title: row.title }, version: String(row.version) }
    },
  }
  const matched = (id: number, version: string | undefined) => {
    meanwhile()
    return String(rows.get(id)?.version) === version
  }
  return {
    rows,
    adapter,
    /** UPDATE … WHERE id = $1 AND version = $2 RETURNING title, version */
    async update(key: string | undefined, version: string | undefined, title: string) {
      const id = Number(key)
      if (!matched(id, version)) return undefined
      const row = { title: title.trim(), version: Number(version) + 1 }
      rows.set(id, row)
      return row
    },
    /** INSERT … RETURNING id, title, version */
    async insert(title: string) {
      const id = rows.size + 1
      rows.set(id, { title, version: 1 })
      return { id, title, version: 1 }
    },
    /** DELETE … WHERE id = $1 AND version = $2: how many rows */
    async remove(key: string | undefined, version: string | undefined) {
      const id = Number(key)
      return matched(id, version) && rows.delete(id) ? 1 : 0
    },
  }
}

const written = (row: { title: string; version: number } | undefined): Written<Note> | undefined =>
  row && { value: { title: row.title }, version: String(row.version) }

/** Hand-written routes, their statements given to the stock handler. */
function appOver(
  it: ReturnType<typeof table>,
  options: Partial<ConflictOptions<Note>> = {},
  update: WriteChange<Note> = async ({ key, current, proposed }) =>
    written(await it.update(key, current?.version, proposed?.title ?? '')),
) {
  const notes = detectConflicts<Note>({
    name: 'note',
    adapter: it.adapter,
    writes: 'by-app',
    create: ['POST'],
    path: '/:id',
    ...options,
  })
  const app = express()
  app.use(express.json({ type: ['application/json', 'application/*+json'] }))
  app.use('/notes', notes)
  const save = commitChange<Note>(update)
  app.get('/notes/:id', (req, res) => {
    res.json(resourceOf(req, notes).representation)
  })
  app.put('/notes/:id', save)
  app.patch('/notes/:id', save)
  app.delete(
    '/notes/:id',
    commitChange<Note>(({ key, current }) => it.remove(key, current?.version)),
  )
  app.post(
    '/notes',
    commitChange<Note>(async ({ proposed }) => {
      const row = await it.insert(proposed?.title ?? '')
      return { key: String(row.id), value: { title: row.title }, version: String(row.version) }
    }),
  )
  app.use(respondToConflicts(), mistake)
  return app
}

describe('statements of the app behind commitChange', () => {
  test('PUT answers with the value, and with the new tag when that is what was sent', async () => {
    const app = appOver(table())
    const { body, headers } = await request(app)
      .put('/notes/1')
      .set('If-Match', '"1"')
      .send({ title: 'new' })
      .expect(200)
    expect([body, headers.etag]).toEqual([{ title: 'new' }, '"2"'])
    await request(app).put('/notes/1').set('If-Match', '"2"').send({ title: 'newer' }).expect(200)
  })

  test('PUT of what the statement changed has no tag (RFC 9110 §9.3.4), and shows what is stored', async () => {
    const { body, headers } = await request(appOver(table()))
      .put('/notes/1')
      .set('If-Match', '"1"')
      .send({ title: ' new ' })
      .expect(200)
    expect([body, headers.etag]).toEqual([{ title: 'new' }, undefined])
  })

  test('PATCH has the tag in any case', async () => {
    const { headers } = await request(appOver(table())).patch('/notes/1').set('If-Match', '"1"').send({ title: 'x ' })
    expect(headers.etag).toBe('"2"')
  })

  test('POST answers 201 with the key that the database gave, and its tag', async () => {
    const { headers, body } = await request(appOver(table())).post('/notes').send({ title: 'two' }).expect(201)
    expect([headers.location, headers.etag, body]).toEqual(['/notes/2', '"1"', { title: 'two' }])
  })

  test('DELETE answers 204, and then 404', async () => {
    const app = appOver(table())
    await request(app).delete('/notes/1').set('If-Match', '"1"').expect(204)
    await request(app).get('/notes/1').expect(404)
  })

  test('Prefer: return=minimal has no body, and the tag', async () => {
    const { headers, text } = await request(appOver(table()))
      .put('/notes/1')
      .set({ 'If-Match': '"1"', Prefer: 'return=minimal' })
      .send({ title: 'new' })
      .expect(204)
    expect([headers.etag, text]).toEqual(['"2"', ''])
  })

  test.each(['put', 'patch', 'delete'] as const)(
    '%s that lost the race is 412, and nothing is written',
    async (method) => {
      const it = table(() => it.rows.set(1, { title: 'theirs', version: 7 }))
      const response = await request(appOver(it))[method]('/notes/1').set('If-Match', '"1"').send({ title: 'mine' })
      expect([response.status, response.body.code]).toEqual([412, 'precondition_failed'])
      expect(it.rows.get(1)?.title).toBe('theirs')
    },
  )

  test('a lost race without a condition is 409, and may be tried again', async () => {
    const it = table(() => it.rows.set(1, { title: 'theirs', version: 7 }))
    const app = appOver(it, { preconditions: { required: false } })
    const { body } = await request(app).put('/notes/1').send({ title: 'mine' }).expect(409)
    expect([body.code, body.retryable]).toEqual(['concurrent_update', true])
  })

  test('of eight racing writes with one tag one is stored, and the others are told', async () => {
    const it = table()
    const app = appOver(it)
    const all = await Promise.all(
      [...'abcdefgh'].map((title) => request(app).put('/notes/1').set('If-Match', '"1"').send({ title })),
    )
    expect(all.map(({ status }) => status).sort()).toEqual([200, ...Array(7).fill(412)])
    expect(it.rows.get(1)?.version).toBe(2)
  })

  test('onCommitted is told of them', async () => {
    const events: unknown[] = []
    const app = appOver(table(), { onCommitted: ({ outcome, key, version }) => events.push([outcome, key, version]) })
    await request(app).post('/notes').send({ title: 'two' })
    await request(app).put('/notes/1').set('If-Match', '"1"').send({ title: 'new' })
    await request(app).delete('/notes/1').set('If-Match', '"2"')
    expect(events).toEqual([
      ['created', '2', '1'],
      ['replaced', '1', '2'],
      ['removed', '1', undefined],
    ])
  })

  test('an error of the statement reaches the error handlers, on Express 4 too', async () => {
    const it = table(() => {
      throw new Error('no disk')
    })
    const { body } = await request(appOver(it))
      .put('/notes/1')
      .set('If-Match', '"1"')
      .send({ title: 'new' })
      .expect(500)
    expect(body.mistake).toBe('Error: no disk')
  })

  test.each([
    ['a number of rows', 1, /got 1\. Give \{ value, version \}/],
    ['true', true, /got true\. Give \{ value, version \}/],
    ['a row without a version', { title: 'x' }, /Give \{ value, version \}/],
    ['a version that is a number', { version: 2 }, /the version 2; give String\(version\)/],
    ['the version of a row that is not there', { version: 'undefined' }, /is an await missing/],
  ])('%s is refused by name', async (_name, outcome, message) => {
    const it = table()
    const chain = detectConflicts<Note>({ name: 'note', adapter: it.adapter, writes: 'by-app' })
    const app = express()
    app.use(express.json())
    app.put(
      '/notes/:id',
      chain,
      commitChange<Note>(() => outcome as never),
    )
    app.use(respondToConflicts(), mistake)
    const { body } = await request(app).put('/notes/1').set('If-Match', '"1"').send({ title: 'new' }).expect(500)
    expect(body.mistake).toMatch(message)
  })

  describe('after a DELETE', () => {
    const removed = async (outcome: unknown) => {
      const it = table()
      const chain = detectConflicts<Note>({ name: 'note', adapter: it.adapter, writes: 'by-app' })
      const app = express()
      app.delete(
        '/notes/:id',
        chain,
        commitChange<Note>(() => outcome as never),
      )
      app.use(respondToConflicts(), mistake)
      const { status, body } = await request(app).delete('/notes/1').set('If-Match', '"1"')
      return [status, body.mistake]
    }

    test.each([1, 2, 1n, true, { version: '1', value: { title: 'first' } }])('%p is a removal', async (outcome) => {
      expect(await removed(outcome)).toEqual([204, undefined])
    })

    test.each([0, 0n, false, null, undefined])('%p is a lost race', async (outcome) => {
      expect(await removed(outcome)).toEqual([412, undefined])
    })

    test.each<[string, unknown, string]>([
      [
        'what pg gives',
        { rows: [], rowCount: 0 },
        'got an object with rows, rowCount. Give the number of rows: result.rowCount.',
      ],
      ['what mysql2 gives', [{ affectedRows: 0 }, undefined], 'Give the number of rows'],
      ['the header of mysql2', { affectedRows: 0 }, 'Give the number of rows: result.affectedRows.'],
      ['what better-sqlite3 gives', { changes: 0 }, 'Give the number of rows: result.changes.'],
      ['what Prisma gives', { count: 0 }, 'Give the number of rows: result.count.'],
      ['Number.NaN', Number.NaN, 'got NaN. Give the number of rows'],
      ['a text', 'DELETE 0', 'got "DELETE 0". Give the number of rows'],
    ])('%s is refused by name, for it would pass for a removal', async (_name, outcome, message) => {
      expect(await removed(outcome)).toEqual([500, expect.stringContaining(message)])
    })
  })

  test('a new resource without a key is refused by name', async () => {
    const it = table()
    const chain = detectConflicts<Note>({ name: 'note', adapter: it.adapter, writes: 'by-app', path: '/:id' })
    const app = express()
    app.use(express.json())
    app.use('/notes', chain)
    app.post(
      '/notes',
      commitChange<Note>(() => ({ version: '1' })),
    )
    app.use(respondToConflicts(), mistake)
    const { body } = await request(app).post('/notes').send({ title: 'new' }).expect(500)
    expect(body.mistake).toContain('Give key: String(row.id)')
  })
})

describe('a statement that leaves the version as it was', () => {
  /** A row that two clients have read at version 1; `update` is the statement of the app. */
  const saved = async (update: (row: { title: string; version: number }, title: string) => Written<Note>) => {
    const it = table()
    const app = appOver(it, {}, ({ proposed }) => update(it.rows.get(1) as never, proposed?.title ?? ''))
    return (title: string, method: 'put' | 'patch' = 'put') =>
      request(app)[method]('/notes/1').set('If-Match', '"1"').send({ title })
  }
  /** UPDATE notes SET title = $1 WHERE id = $2 AND version = $3 RETURNING * */
  const forgets = (row: { title: string; version: number }, title: string) => {
    row.title = title
    return { value: { title }, version: String(row.version) }
  }

  test.each(['put', 'patch'] as const)('is a mistake on %s, for a stale save would pass unseen', async (method) => {
    const save = await saved(forgets)
    const { body } = await save('mine', method).expect(500)
    expect(body.mistake).toMatch(
      /What was written on (PUT|PATCH) note: another value is stored, still with the version "1" that was read\..*version = version \+ 1/,
    )
  })

  test('is a mistake when only the version is given, for then the proposed value is what is stored', async () => {
    const save = await saved(({ version }) => ({ version: String(version) }))
    const { body } = await save('mine').expect(500)
    expect(body.mistake).toContain('still with the version "1" that was read')
  })

  test('is right where nothing was to change', async () => {
    const save = await saved(forgets)
    const { headers } = await save('first').expect(200)
    expect(headers.etag).toBe('"1"')
    const only = await saved(({ version }) => ({ version: String(version) }))
    await only('first').expect(200)
  })

  test('is right where the value that it gives is the one that was read, whatever the client proposed', async () => {
    const save = await saved((row) => ({ value: { title: row.title }, version: String(row.version) }))
    await save('not taken over').expect(200, { title: 'first' })
  })
})

describe('written, for a handler with an answer of its own', () => {
  const app = (it: ReturnType<typeof table>) => {
    const all = express()
    all.use(express.json())
    const chain = detectConflicts<Note>({ name: 'note', adapter: it.adapter, writes: 'by-app' })
    all.put('/notes/:id', chain, (req, res, next) => {
      const note = resourceOf(req, chain)
      it.update(note.key, note.current?.version, note.proposed?.title ?? '')
        .then((row) => {
          const { outcome } = note.written(written(row))
          res.json({ saved: outcome })
        })
        .catch(next)
    })
    return all.use(respondToConflicts(), mistake)
  }

  test('sets the new tag', async () => {
    const { body, headers } = await request(app(table())).put('/notes/1').set('If-Match', '"1"').send({ title: 'new' })
    expect([body, headers.etag]).toEqual([{ saved: 'replaced' }, '"2"'])
  })

  test('is a lost race when no row matched', async () => {
    const it = table(() => it.rows.delete(1))
    await request(app(it)).put('/notes/1').set('If-Match', '"1"').send({ title: 'new' }).expect(412)
  })

  test.each(['put', 'delete'] as const)('given a promise on %s says that an await is missing', async (method) => {
    const chain = detectConflicts<Note>({ name: 'note', adapter: table().adapter, writes: 'by-app' })
    const all = express()
    all.all('/notes/:id', express.json(), chain, (req, res) => {
      resourceOf(req, chain).written(Promise.resolve(undefined) as never)
      res.end()
    })
    all.use(respondToConflicts(), mistake)
    const { status, body } = await request(all)[method]('/notes/1').set('If-Match', '"1"').send({ title: 'new' })
    expect([status, body.mistake]).toEqual([500, expect.stringContaining('got a promise: an await is missing')])
  })

  test('after the answer says what comes first', async () => {
    const it = table()
    const all = express()
    const chain = detectConflicts<Note>({ name: 'note', adapter: it.adapter, writes: 'by-app' })
    let thrown: unknown
    all.put('/notes/:id', express.json(), chain, (req, res) => {
      const { written } = resourceOf(req, chain)
      res.json({ saved: true })
      try {
        written({ version: '2' })
      } catch (error) {
        thrown = error
      }
    })
    await request(all).put('/notes/1').set('If-Match', '"1"').send({ title: 'new' }).expect(200)
    expect(String(thrown)).toContain('the answer has begun already. Call written() first, and then answer')
  })

  test('says what is wrong where the adapter writes', async () => {
    const it = table()
    const adapter: ResourceAdapter<Note> = { ...it.adapter, write: async () => ({ ok: false, current: undefined }) }
    const all = express()
    const chain = detectConflicts<Note>({ name: 'note', adapter })
    all.put('/notes/:id', express.json(), chain, (req, res) => {
      res.json(resourceOf(req, chain).written({ version: '2' }))
    })
    all.use(respondToConflicts(), mistake)
    const { body } = await request(all).put('/notes/1').set('If-Match', '"1"').send({ title: 'new' }).expect(500)
    expect(body.mistake).toContain("say writes: 'by-app'")
  })
})
