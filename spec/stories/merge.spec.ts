import request from 'supertest'
import {
  type ConflictOptions,
  detectConflicts,
  type MemoryAdapter,
  memoryAdapter,
  type Resource,
  type ResourceAdapter,
  resourceOf,
} from '../../lib'
import { appOf } from './app'
import { type Note, noteApp } from './race'

type Text = Note & Record<string, unknown>

const FIRST = {
  id: '1',
  title: 'a',
  body: 'a',
  items: [
    { id: 1, n: 1 },
    { id: 2, n: 1 },
  ],
  secret: 's',
}

/** A note that somebody has read, and that another one has changed since. */
async function notes(theirs: object, options: Partial<ConflictOptions<Note>> = {}, adapter = memory()) {
  const first = await adapter.write('1', { ...FIRST } as Text, null)
  const tag = first.ok ? `"${first.state.version}"` : ''
  const change = async (members: object) => {
    const current = await adapter.read('1')
    const written = await adapter.write('1', { ...current?.value, ...members } as Text, current?.version ?? null)
    return written.ok ? `"${written.state.version}"` : ''
  }
  const current = await change(theirs)
  const app = noteApp(adapter as ResourceAdapter<Note>, { merge: 'disjoint', ...options })
  return {
    app,
    adapter,
    tag,
    current,
    change,
    stored: async () => (await adapter.read('1'))?.value,
    patch: (body: object, match = tag) =>
      request(app)
        .patch('/notes/1')
        .set('If-Match', match)
        .set('Content-Type', 'application/merge-patch+json')
        .send(body),
    put: (body: object) => request(app).put('/notes/1').set('If-Match', tag).send(body),
  }
}
/** A route whose handler commits what it makes by itself. */
function handled(adapter: MemoryAdapter<Text>, own: (of: Resource<Note>) => Promise<unknown>) {
  const notes = adapter as ResourceAdapter<Note>
  const chain = detectConflicts({ name: 'note', adapter: notes, merge: 'disjoint' })
  return appOf((app) =>
    app.put('/notes/:id', chain, (req, res, next) => {
      own(resourceOf(req, chain)).then(() => res.json({}), next)
    }),
  )
}

const memory = (): MemoryAdapter<Text> => memoryAdapter<Text>({ history: 10 })

describe('merge: disjoint', () => {
  test.each([
    ['a merge patch', 'application/merge-patch+json', { body: 'mine' }],
    ['a JSON Patch', 'application/json-patch+json', [{ op: 'replace', path: '/body', value: 'mine' }]],
  ])('%s that touches what nobody else has touched goes through, and says so', async (_, type, body) => {
    const { app, tag, current, stored } = await notes({ title: 'theirs' })
    const answer = await request(app).patch('/notes/1').set('If-Match', tag).set('Content-Type', type).send(body)
    expect(answer.status).toBe(200)
    expect(answer.headers['merged-with']).toBe(current)
    expect(answer.headers.etag).not.toBe(current)
    expect(await stored()).toEqual({ ...FIRST, title: 'theirs', body: 'mine' })
  })

  test.each<[string, (of: Resource<Note>) => Promise<unknown>]>([
    ['a value', ({ commit, proposed }) => commit({ ...proposed!, title: 'a', body: 'mine' })],
    ['a function', ({ commit }) => commit((current) => ({ ...current!, title: 'a', body: 'mine' }))],
  ])('a handler that takes back what others did, with %s, is refused as the client would be', async (_, own) => {
    const { adapter, tag, stored } = await notes({ title: 'theirs' })
    const app = handled(adapter, own)
    const { status, body } = await request(app)
      .put('/notes/1')
      .set('If-Match', tag)
      .send({ ...FIRST, body: 'mine' })
    expect([status, body.code]).toEqual([412, 'precondition_failed'])
    expect(body.conflicts).toContainEqual({ pointer: '/title', kind: 'theirs' })
    expect(await stored()).toMatchObject({ title: 'theirs', body: 'a' })
  })

  test('a handler that adds to what was merged goes through', async () => {
    const { adapter, tag, stored } = await notes({ title: 'theirs' })
    const app = handled(adapter, ({ commit, proposed }) => commit({ ...proposed!, by: 'ann' } as Note))
    await request(app)
      .put('/notes/1')
      .set('If-Match', tag)
      .send({ ...FIRST, body: 'mine' })
      .expect(200)
    expect(await stored()).toMatchObject({ title: 'theirs', body: 'mine', by: 'ann' })
  })

  test('a JSON Patch whose test does not hold any more is refused', async () => {
    const { app, tag, stored } = await notes({ title: 'theirs' })
    const patch = (operations: object[]) =>
      request(app).patch('/notes/1').set('If-Match', tag).type('application/json-patch+json').send(operations)
    const edit = { op: 'replace', path: '/body', value: 'mine' }
    const refused = await patch([{ op: 'test', path: '/title', value: 'a' }, edit])
    expect([refused.status, refused.body.code]).toEqual([412, 'precondition_failed'])
    expect(await stored()).toMatchObject({ title: 'theirs', body: 'a' })
    expect((await patch([{ op: 'test', path: '/secret', value: 's' }, edit])).status).toBe(200)
  })

  test('a request that names two states is not merged: nothing tells which of them it was made from', async () => {
    const it = await notes({ title: 'theirs' }, { preconditions: { versionField: '/version' } })
    const answer = await it.patch({ body: 'mine', version: it.current.slice(1, -1) })
    expect([answer.status, answer.headers['merged-with']]).toEqual([412, undefined])
    expect(await it.stored()).toMatchObject({ title: 'theirs', body: 'a' })
  })

  test('a PUT goes through as the change that it was made as', async () => {
    const { put, stored } = await notes({ title: 'theirs' })
    const answer = await put({ ...FIRST, body: 'mine' })
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({ ...FIRST, title: 'theirs', body: 'mine' })
    // Something else is stored than what was sent.
    expect(answer.headers.etag).toBeUndefined()
    expect(await stored()).toEqual(answer.body)
  })

  test('what meets what others did is refused, with who changed what, and nothing is written', async () => {
    const { patch, stored, current } = await notes({ title: 'theirs', extra: 1 })
    const answer = await patch({ title: 'mine', body: 'mine' })
    expect(answer.status).toBe(412)
    expect(answer.headers.etag).toBe(current)
    expect(answer.headers['merged-with']).toBeUndefined()
    expect(answer.body).toMatchObject({
      code: 'precondition_failed',
      conflicts: [
        { pointer: '/title', kind: 'both' },
        { pointer: '/body', kind: 'mine' },
        { pointer: '/extra', kind: 'theirs' },
      ],
    })
    expect(await stored()).toMatchObject({ title: 'theirs', body: 'a' })
  })

  test('items are paired by arrayKeys', async () => {
    const theirs = {
      items: [
        { id: 2, n: 1 },
        { id: 1, n: 2 },
      ],
    }
    const mine = { items: [...FIRST.items, { id: 3, n: 1 }] }
    expect((await (await notes(theirs)).patch(mine)).status).toBe(412)
    const keyed = await notes(theirs, { arrayKeys: { '/items': '/id' } })
    expect((await keyed.patch(mine)).status).toBe(200)
    expect((await keyed.stored())?.items).toEqual([
      { id: 2, n: 1 },
      { id: 3, n: 1 },
      { id: 1, n: 2 },
    ])
  })

  describe('a change that somebody has taken back is not made again by its retry', () => {
    const title = { op: 'replace', path: '/title', value: 'mine' }
    test.each<[string, string, object]>([
      ['a merge patch', 'application/merge-patch+json', { title: 'mine' }],
      ['a merge patch of two members', 'application/merge-patch+json', { title: 'mine', body: 'mine' }],
      ['a JSON Patch', 'application/json-patch+json', [title]],
      [
        'a JSON Patch that adds to an array',
        'application/json-patch+json',
        [{ op: 'add', path: '/items/-', value: 3 }],
      ],
      ['a merge patch that removes', 'application/merge-patch+json', { body: null }],
    ])('%s', async (_, type, body) => {
      const { app, adapter, change, stored } = await notes({ other: 1 })
      const { version } = (await adapter.read('1'))!
      const send = () => request(app).patch('/notes/1').set('If-Match', `"${version}"`).type(type).send(body)
      await send().expect(200)
      // The body stays what it is: only a part of the change is taken back.
      const { body: _body, ...before } = FIRST
      await change(JSON.stringify(body).includes('null') ? FIRST : before)
      await change({ other: 2 })
      const now = await stored()
      const retry = await send()
      expect([retry.status, retry.body.code]).toEqual([412, 'precondition_failed'])
      expect(retry.body.conflicts).toContainEqual({ pointer: expect.any(String), kind: 'both' })
      expect(await stored()).toEqual(now)
    })

    test('a PUT, with a third one in between, and a version in the body', async () => {
      const options = { preconditions: { versionField: '/version' } }
      const { app, tag, change, stored } = await notes({ other: 1 }, options)
      const put = () =>
        request(app)
          .put('/notes/1')
          .send({ ...FIRST, title: 'mine', version: tag.slice(1, -1) })
      await put().expect(200)
      await change({ title: 'third' })
      await change({ title: FIRST.title })
      const now = await stored()
      const retry = await put()
      expect([retry.status, retry.body.code]).toEqual([409, 'stale_version'])
      expect(retry.body.conflicts).toContainEqual({ pointer: '/title', kind: 'both' })
      expect(await stored()).toEqual(now)
    })

    test('nor when it is still there: two clients that turn 6 into 7 would be one increment short', async () => {
      const { patch, stored } = await notes({ count: 7 })
      const refused = await patch({ count: 7 })
      expect(refused.status).toBe(412)
      expect(refused.body.conflicts).toEqual([{ pointer: '/count', kind: 'alike' }])
      expect((await patch({ count: 7, body: 'mine' })).status).toBe(412)
      expect(await stored()).toMatchObject({ count: 7, body: 'a' })
    })

    test('nor by what a handler makes of a change to another member', async () => {
      const { adapter, tag, change, stored } = await notes({ title: 'theirs' })
      await change({ title: FIRST.title })
      const put = (own: object) =>
        request(handled(adapter, ({ commit, proposed }) => commit({ ...proposed!, ...own })))
          .put('/notes/1')
          .set('If-Match', tag)
          .send({ ...FIRST, body: 'mine' })
      const refused = await put({ title: 'theirs' })
      expect(refused.status).toBe(412)
      expect(await stored()).toMatchObject({ title: 'a', body: 'a' })
      await put({}).expect(200)
      expect(await stored()).toMatchObject({ title: 'a', body: 'mine' })
    })

    test('nor past a removal', async () => {
      const adapter = memoryAdapter<Text>({ history: 10, tombstones: true })
      const { patch, stored } = await notes({ title: 'theirs' }, {}, adapter)
      await adapter.remove('1', (await adapter.read('1'))!.version)
      await adapter.write('1', FIRST as Text, (await adapter.read('1'))!.version)
      expect((await patch({ body: 'mine' })).status).toBe(412)
      expect(await stored()).toEqual(FIRST)
    })

    test('nor where the history has a hole, or does not reach to what is stored', async () => {
      for (const readSince of [async () => undefined, async () => []]) {
        const { patch, stored } = await notes({ title: 'theirs' }, {}, { ...memory(), readSince })
        const refused = await patch({ body: 'mine' })
        expect(refused.status).toBe(412)
        // Who changed what is told all the same.
        expect(refused.body.conflicts).toContainEqual({ pointer: '/body', kind: 'mine' })
        expect(await stored()).toMatchObject({ title: 'theirs', body: 'a' })
      }
    })
  })

  test('an answer that did not merge does not say that it did', async () => {
    const { patch, current } = await notes({ title: 'theirs' })
    const answer = await patch({ body: 'mine' }, current)
    expect(answer.status).toBe(200)
    expect(answer.headers['merged-with']).toBeUndefined()
  })

  test.each<[string, Partial<ConflictOptions<Note>>, object, object]>([
    [
      'the schema',
      { schema: { type: 'object', not: { required: ['draft', 'published'] } } },
      { draft: true },
      { published: true },
    ],
    [
      'a rule',
      {
        rules: [
          ({ proposed }) => (JSON.stringify(proposed).includes('"x":1,"y":1') ? { detail: 'Not both.' } : undefined),
        ],
      },
      { x: 1 },
      { y: 1 },
    ],
    ['an immutable member', { immutable: ['/body'] }, { title: 'theirs' }, { body: 'mine' }],
  ])('a merged value that %s is against is the stale change that it was', async (_, options, theirs, mine) => {
    const { patch, stored } = await notes(theirs, options)
    const answer = await patch(mine)
    expect(answer.body).toMatchObject({ status: 412, code: 'precondition_failed' })
    expect(await stored()).toEqual({ ...FIRST, ...theirs })
  })

  test('hidden members are carried over, and never named', async () => {
    const { put, patch, stored } = await notes({ secret: 'new', title: 'theirs' }, { hidden: ['/secret'] })
    const { secret: _, ...shown } = FIRST
    const refused = await put({ ...shown, title: 'mine' })
    expect(refused.status).toBe(412)
    expect(refused.body.conflicts).toEqual([{ pointer: '/title', kind: 'both' }])
    expect((await patch({ body: 'mine' })).status).toBe(200)
    expect(await stored()).toEqual({ ...FIRST, title: 'theirs', body: 'mine', secret: 'new' })
  })

  test('what only the server sets may have changed meanwhile', async () => {
    const schema = { type: 'object', properties: { savedAt: { type: 'number', readOnly: true } } }
    const { put, stored } = await notes({ savedAt: 2, title: 'theirs' }, { schema })
    expect((await put({ ...FIRST, body: 'mine' })).status).toBe(200)
    expect(await stored()).toEqual({ ...FIRST, savedAt: 2, title: 'theirs', body: 'mine' })
  })

  test('a version in the body is one to merge from as well', async () => {
    const options = { preconditions: { versionField: '/version' } }
    const { app, tag, stored } = await notes({ title: 'theirs' }, options)
    const send = (members: object) =>
      request(app)
        .put('/notes/1')
        .send({ ...FIRST, ...members, version: tag.slice(1, -1) })
    expect((await send({ title: 'mine' })).body).toMatchObject({
      code: 'stale_version',
      conflicts: [{ pointer: '/title', kind: 'both' }],
    })
    expect((await send({ body: 'mine' })).status).toBe(200)
    expect(await stored()).toEqual({ ...FIRST, title: 'theirs', body: 'mine' })
  })

  test('a lost race merges again, with what won', async () => {
    const inner = memory()
    let races = 2
    const adapter: MemoryAdapter<Text> = {
      ...inner,
      async write(key, value, expected) {
        if (value.body === 'mine' && races > 0) {
          const current = await inner.read(key)
          await inner.write(key, { ...current?.value, title: `race ${races--}` } as Text, current?.version ?? null)
        }
        return inner.write(key, value, expected)
      },
    }
    const { patch, stored } = await notes({ title: 'theirs' }, {}, adapter)
    const answer = await patch({ body: 'mine' })
    expect(answer.status).toBe(200)
    expect(await stored()).toEqual({ ...FIRST, title: 'race 1', body: 'mine' })
  })

  test('a lost race with somebody who changed the same is refused, as if it had come later', async () => {
    const inner = memory()
    let isFirst = true
    const adapter: MemoryAdapter<Text> = {
      ...inner,
      async write(key, value, expected) {
        if (value.body === 'mine' && isFirst) {
          isFirst = false
          const current = await inner.read(key)
          await inner.write(key, { ...current?.value, body: 'theirs' } as Text, current?.version ?? null)
        }
        return inner.write(key, value, expected)
      },
    }
    const { patch, stored } = await notes({ title: 'theirs' }, {}, adapter)
    const [lost, later] = [await patch({ body: 'mine' }), await patch({ body: 'mine' })]
    expect(lost.headers['merged-with']).toBeUndefined()
    expect({ ...lost.body, instance: '' }).toEqual({ ...later.body, instance: '' })
    expect(lost.body.conflicts).toContainEqual({ pointer: '/body', kind: 'both' })
    expect(await stored()).toMatchObject({ body: 'theirs' })
  })

  test.each([
    ['two tags', (tag: string) => `${tag}, "other"`],
    ['a tag that was never given', () => '"other"'],
    ['a weak tag', (tag: string) => `W/${tag}`],
  ])('%s: the base of the change is unknown', async (_, match) => {
    const { patch, tag } = await notes({ title: 'theirs' })
    const answer = await patch({ body: 'mine' }, match(tag))
    expect(answer.status).toBe(412)
    expect(answer.body.conflicts).toBeUndefined()
  })

  test('a version that is not kept any more, and a history that fails: refused as without', async () => {
    const { patch, change } = await notes({ title: 'theirs' }, {}, memoryAdapter<Text>({ history: 1 }))
    await change({ title: 'and again' })
    const answer = await patch({ body: 'mine' })
    expect(answer.status).toBe(412)
    expect(answer.body.conflicts).toBeUndefined()
    const warnings = jest.spyOn(process, 'emitWarning').mockImplementation()
    const down = () => Promise.reject(new Error('down'))
    const failing = await notes({}, {}, { ...memory(), readVersion: down, readSince: down })
    expect((await failing.patch({ body: 'mine' })).status).toBe(412)
    expect(warnings).toHaveBeenCalledTimes(2)
    warnings.mockRestore()
  })
})

describe('without merge', () => {
  test('a refusal says who changed what, and nothing goes through', async () => {
    const adapter = memory()
    const { stored, ...sent } = await notes({ title: 'theirs' }, {}, adapter)
    const app = noteApp(adapter as ResourceAdapter<Note>)
    const answer = await request(app).patch('/notes/1').set('If-Match', sent.tag).send({ body: 'mine' })
    expect(answer.status).toBe(412)
    expect(answer.body.conflicts).toEqual([
      { pointer: '/title', kind: 'theirs' },
      { pointer: '/body', kind: 'mine' },
    ])
    const removal = await request(app).delete('/notes/1').set('If-Match', sent.tag)
    expect(removal.body.conflicts).toEqual([{ pointer: '/title', kind: 'theirs' }])
    expect(JSON.stringify([answer.body, removal.body])).not.toMatch(/"(theirs|mine)":|secret/)
    expect(await stored()).toMatchObject({ title: 'theirs', body: 'a' })
  })
})

test('merge asks for history, and for a tag that names the version', () => {
  const noHistory = () => noteApp(memoryAdapter<Note>(), { merge: 'disjoint' })
  expect(noHistory).toThrow('merge needs an adapter with a readVersion method, such as memoryAdapter({ history: 100 })')
  const { readSince: _, ...onlyVersions } = memoryAdapter<Note>({ history: 1 })
  expect(() => noteApp(onlyVersions, { merge: 'disjoint' })).toThrow('merge needs an adapter with a readSince method')
  const tag = { tagsFor: () => [] }
  const otherTag = () => noteApp(memoryAdapter<Note>({ history: 1 }), { merge: 'disjoint', tag })
  expect(otherTag).toThrow("merge needs tag: 'version'")
  expect(() => noteApp(memoryAdapter<Note>(), { merge: 'all' as never })).toThrow('merge has to be one of "disjoint"')
})
