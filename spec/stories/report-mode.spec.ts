import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import express, { type RequestHandler } from 'express'
import request, { type Test } from 'supertest'
import {
  type CommitEvent,
  type ConflictEvent,
  type ConflictEvents,
  type ConflictMiddleware,
  type ConflictOptions,
  commitChange,
  detectConflicts,
  memoryAdapter,
  type ResourceAdapter,
  resourceOf,
  respondToConflicts,
  type WriteChange,
} from '../../lib'
import { mistake } from './app'
import { essence, gatedAdapter, type Note, noteApp } from './race'

const told = (events: ConflictEvent[]) => events.map(({ conflict, enforced }) => [conflict.code, enforced])

/** An app in report mode, and what it tells. */
async function reporting(options: Partial<ConflictOptions<Note>> = {}, tombstones = false) {
  const adapter = gatedAdapter({ tombstones })
  const conflicts: ConflictEvent[] = []
  const commits: CommitEvent[] = []
  const { preconditions, ...rest } = options
  const app = noteApp(adapter, {
    preconditions: { mode: 'report', versionField: '/revision', versionQuery: 'version', ...preconditions },
    onConflict: (event) => conflicts.push(event),
    onCommitted: (event) => commits.push(event),
    ...rest,
  })
  const change = async (title: string) => {
    const version = (await adapter.inner.read('1'))?.version ?? null
    const result = await adapter.inner.write('1', { id: '1', title }, version)
    return result.ok ? result.state.version : ''
  }
  const first = await change('first')
  return {
    ...{ adapter, app, conflicts, commits, change, first },
    title: async () => (await adapter.inner.read('1'))?.value.title,
    put: (title = 'mine') => request(app).put('/notes/1').send({ id: '1', title }),
  }
}

describe('an old client, which sends no conditions', () => {
  test.each<[string, (app: express.Express) => Test, number]>([
    ['PUT', (app) => request(app).put('/notes/1').send({ id: '1', title: 'mine' }), 200],
    ['PATCH', (app) => request(app).patch('/notes/1').send({ title: 'mine' }), 200],
    ['DELETE', (app) => request(app).delete('/notes/1'), 204],
  ])('%s goes through, and is told of as 428', async (method, send, status) => {
    const { app, conflicts, commits, adapter } = await reporting()
    const answer = await send(app)
    expect(answer.status).toBe(status)
    expect(await adapter.inner.read('1')).toEqual(
      method === 'DELETE' ? undefined : expect.objectContaining({ value: { id: '1', title: 'mine' } }),
    )
    expect(told(conflicts)).toEqual([['precondition_required', false]])
    expect(conflicts[0]).toMatchObject({
      name: 'note',
      key: '1',
      method,
      instance: expect.stringMatching(/^urn:uuid:/),
    })
    expect(commits).toEqual([expect.objectContaining({ conditional: false, tries: 1 })])
  })

  test('its write overwrites what came in between, as without the chain', async () => {
    const { adapter, change, put, title, conflicts, commits } = await reporting()
    adapter.stopBefore('write', () => change('theirs'))
    expect((await put()).status).toBe(200)
    expect(await title()).toBe('mine')
    expect(told(conflicts)).toEqual([['precondition_required', false]])
    expect(commits).toEqual([expect.objectContaining({ conditional: false, tries: 2 })])
  })

  test('what it creates is told of as unconditional, and as no conflict', async () => {
    const { app, conflicts, commits } = await reporting()
    expect((await request(app).post('/notes').send({ title: 'new' })).status).toBe(201)
    expect((await request(app).put('/notes/2').send({ id: '2', title: 'new' })).status).toBe(201)
    expect(conflicts).toEqual([])
    expect(commits.map(({ conditional, outcome }) => [outcome, conditional])).toEqual([
      ['created', false],
      ['created', false],
    ])
  })
})

describe('a new client, which names the version it has seen', () => {
  const named: Record<string, (test: Test, version: string) => Test> = {
    'If-Match': (test, version) => test.set('If-Match', `"${version}"`),
    'a version in the query': (test, version) => test.query({ version }),
    'a version in the body': (test, version) => test.send({ id: '1', title: 'mine', revision: version }),
  }
  const cases = Object.keys(named)

  test.each(cases)('%s of the current state: no conflict, and conditional', async (by) => {
    const { put, first, conflicts, commits } = await reporting()
    expect((await named[by]!(put(), first)).status).toBe(200)
    expect(conflicts).toEqual([])
    expect(commits).toEqual([expect.objectContaining({ conditional: true })])
  })

  test.each(cases)('%s of an old state: told of, and written', async (by) => {
    const { put, first, change, title, conflicts, commits } = await reporting()
    const current = await change('theirs')
    const answer = await named[by]!(put(), first)
    expect(answer.status).toBe(200)
    expect(await title()).toBe('mine')
    expect(told(conflicts)).toEqual([[by === 'If-Match' ? 'precondition_failed' : 'stale_version', false]])
    expect(conflicts[0]?.conflict.facts.current).toBe(`"${current}"`)
    expect(commits).toEqual([expect.objectContaining({ conditional: true, tries: 1 })])
  })

  test.each(cases)('%s that another write outdates before its own: told of, and written again', async (by) => {
    const { adapter, put, first, change, title, conflicts, commits } = await reporting()
    adapter.stopBefore('write', () => change('theirs'))
    expect((await named[by]!(put(), first)).status).toBe(200)
    expect(await title()).toBe('mine')
    expect(told(conflicts)).toEqual([[by === 'If-Match' ? 'precondition_failed' : 'stale_version', false]])
    expect(commits).toEqual([expect.objectContaining({ conditional: true, tries: 2 })])
  })

  test('a request that loses several races is told of once', async () => {
    const { adapter, put, first, change, title, conflicts, commits } = await reporting()
    await change('theirs')
    adapter.stopBefore('write', () => change('theirs again'))
    adapter.stopBefore('write', () => change('and again'))
    expect((await put().set('If-Match', `"${first}"`)).status).toBe(200)
    expect(await title()).toBe('mine')
    expect(told(conflicts)).toEqual([['precondition_failed', false]])
    expect(commits[0]?.tries).toBe(3)
  })
})

test.each<[string, string, (test: Test, version: string) => Test]>([
  ['weak_validator', 'the weak form of the tag', (test, version) => test.set('If-Match', `W/"${version}"`)],
  ['weak_validator', 'the tag with a suffix', (test, version) => test.set('If-Match', `"${version}-gzip"`)],
  ['malformed_condition', 'a condition that cannot be read', (test) => test.set('If-Match', 'no tag')],
  ['precondition_failed', 'If-None-Match: *', (test) => test.set('If-None-Match', '*')],
  ['precondition_required', 'If-Match: * where a version is asked for', (test) => test.set('If-Match', '*')],
  [
    'conflicting_conditions',
    'a header and a query that disagree',
    (test, version) => test.set('If-Match', `"${version}"`).query({ version: 'other' }),
  ],
])('%s: %s goes through', async (code, _, condition) => {
  const { put, first, title, conflicts } = await reporting({
    preconditions: { required: code === 'precondition_required' ? 'version' : true },
  })
  expect((await condition(put(), first)).status).toBe(200)
  expect(await title()).toBe('mine')
  expect(told(conflicts)).toEqual([[code, false]])
})

describe('what counts as a condition', () => {
  test.each<[boolean, string, (test: Test, version: string) => Test]>([
    [true, 'If-Match: *', (test) => test.set('If-Match', '*')],
    [true, 'If-None-Match', (test) => test.set('If-None-Match', '"other"')],
    [false, 'an empty If-None-Match', (test) => test.set('If-None-Match', '')],
    [true, 'a date', (test) => test.set('If-Unmodified-Since', new Date(Date.now() + 5000).toUTCString())],
    [false, 'a date that speaks of reads', (test) => test.set('If-Modified-Since', new Date(0).toUTCString())],
    [false, 'a condition that cannot be read', (test) => test.set('If-Match', 'no tag')],
  ])('%s for %s', async (conditional, _, condition) => {
    const { put, first, commits } = await reporting()
    expect((await condition(put(), first)).status).toBe(200)
    expect(commits).toEqual([expect.objectContaining({ conditional })])
  })

  test('of what creates, If-None-Match: *', async () => {
    const { app, commits, conflicts } = await reporting()
    const sent = await request(app).put('/notes/2').set('If-None-Match', '*').send({ id: '2', title: 'new' })
    expect([sent.status, commits[0]?.conditional, conflicts]).toEqual([201, true, []])
  })

  test('it is told where conditions are enforced, too', async () => {
    const { put, first, commits } = await reporting({ preconditions: { mode: 'enforce', required: false } })
    await put().set('If-Match', `"${first}"`)
    await put()
    expect(commits.map(({ conditional }) => conditional)).toEqual([true, false])
  })
})

describe('a condition on what is not there', () => {
  test('If-Match on PUT: told of, and created', async () => {
    const { app, conflicts } = await reporting()
    const sent = await request(app).put('/notes/2').set('If-Match', '"1"').send({ id: '2', title: 'new' })
    expect(sent.status).toBe(201)
    expect(told(conflicts)).toEqual([['precondition_failed', false]])
  })

  test('PUT with If-None-Match: * that another one is faster than: told of, and replaced', async () => {
    const { app, adapter, conflicts, commits } = await reporting()
    adapter.stopBefore('write', () => adapter.inner.write('2', { id: '2', title: 'theirs' }, null))
    const sent = await request(app).put('/notes/2').set('If-None-Match', '*').send({ id: '2', title: 'mine' })
    expect(sent.status).toBe(200)
    expect((await adapter.inner.read('2'))?.value.title).toBe('mine')
    expect(told(conflicts)).toEqual([['precondition_failed', false]])
    expect(commits[0]?.outcome).toBe('replaced')
  })

  test('PATCH and DELETE are 404 as ever, and nothing but that is told', async () => {
    const { app, conflicts } = await reporting()
    expect((await request(app).patch('/notes/2').set('If-Match', '"1"').send({ title: 'x' })).status).toBe(404)
    expect((await request(app).delete('/notes/2').set('If-Match', '"1"')).status).toBe(404)
    expect(told(conflicts)).toEqual([
      ['not_found', true],
      ['not_found', true],
    ])
  })

  test('a DELETE of a tombstone never removes it again', async () => {
    const { app, adapter, first, conflicts } = await reporting({}, true)
    await adapter.inner.remove('1', first)
    const again = await request(app).delete('/notes/1').set('If-Match', `"${first}"`)
    const unclear = await request(app).delete('/notes/1?version=1&version=2').set('If-Match', `"${first}"`)
    const bare = await request(app).delete('/notes/1')
    expect([again.status, unclear.status, bare.status]).toEqual([204, 410, 410])
    expect(adapter.calls.remove).toBe(0)
    expect(told(conflicts).filter(([, enforced]) => enforced)).toHaveLength(2)
  })

  test('POST with If-None-Match: * under a key that is taken gets another one', async () => {
    const keys = ['1', '2']
    const { app, conflicts } = await reporting({ generateKey: () => keys.shift() ?? '' })
    const sent = await request(app).post('/notes').set('If-None-Match', '*').send({ title: 'new' })
    expect([sent.status, sent.headers.location]).toEqual([201, '/notes/2'])
    expect(conflicts).toEqual([])
  })
})

describe('reads', () => {
  test('304 stays', async () => {
    const { app, first, conflicts } = await reporting()
    expect((await request(app).get('/notes/1').set('If-None-Match', `"${first}"`)).status).toBe(304)
    expect(conflicts).toEqual([])
  })

  test('a false If-Match is told of, and answered with the representation and its validators', async () => {
    const { app, first, conflicts } = await reporting()
    const read = await request(app).get('/notes/1').set('If-Match', '"other"')
    expect([read.status, read.headers.etag, read.body.title]).toEqual([200, `"${first}"`, 'first'])
    expect(told(conflicts)).toEqual([['precondition_failed', false]])
  })
})

describe('what does not come from conditions is enforced', () => {
  test.each<[string, number, Partial<ConflictOptions<Note>>, object]>([
    ['schema_invalid', 422, { schema: { properties: { title: { type: 'string' } } } }, { id: '1', title: 7 }],
    ['immutable_field', 409, { immutable: ['/title'] }, { id: '1', title: 'mine' }],
    ['rule_violation', 409, { rules: [() => ({ detail: 'No.' })] }, { id: '1', title: 'mine' }],
    ['denied', 403, { allow: (_req, current) => (current ? 'No.' : undefined) }, { id: '1', title: 'mine' }],
    ['frozen', 409, { lifecycle: { field: '/title', frozen: ['first'] } }, { id: '1', title: 'mine' }],
  ])('%s', async (code, status, options, body) => {
    const { app, title, conflicts, commits } = await reporting(options)
    const answer = await request(app).put('/notes/1').set('If-Match', '"old"').send(body)
    expect([answer.status, answer.body.code, await title(), commits]).toEqual([status, code, 'first', []])
    expect(told(conflicts).filter(([, enforced]) => enforced)).toEqual([[code, true]])
  })

  test('a patch that does not apply to the state that is there', async () => {
    const { app, conflicts } = await reporting()
    const answer = await request(app)
      .patch('/notes/1')
      .type('application/json-patch+json')
      .send('[{"op":"test","path":"/title","value":"other"}]')
    expect([answer.status, answer.body.code]).toEqual([409, 'patch_failed'])
    expect(told(conflicts)).toEqual([
      ['precondition_required', false],
      ['patch_failed', true],
    ])
  })
})

test('a change that can be merged is merged, and is no conflict', async () => {
  const inner = memoryAdapter<Note>({ history: 10 })
  const conflicts: ConflictEvent[] = []
  const app = noteApp(inner, {
    merge: 'disjoint',
    preconditions: { mode: 'report' },
    onConflict: (event) => conflicts.push(event),
  })
  const made = await request(app).post('/notes').send({ title: 'first', body: 'first' })
  const { location, etag } = made.headers as { location: string; etag: string }
  const patch = (body: object) => request(app).patch(location).set('If-Match', etag).send(body)
  await patch({ title: 'theirs' })
  const merged = await patch({ body: 'mine' })
  expect([merged.status, merged.body, conflicts]).toMatchObject([200, { title: 'theirs', body: 'mine' }, []])
  // What meets is told of with its members, and written.
  const met = await patch({ title: 'mine' })
  expect([met.status, met.body]).toMatchObject([200, { title: 'mine', body: 'mine' }])
  expect(told(conflicts)).toEqual([['precondition_failed', false]])
  expect(conflicts[0]?.conflict.facts.conflicts).toContainEqual({ pointer: '/title', kind: 'both' })
})

describe('a lost race comes to what the sequence comes to', () => {
  const conditions: Record<string, (test: Test, version: string) => Test> = {
    'If-Match: "tag"': (test, version) => test.set('If-Match', `"${version}"`),
    'If-Match: *': (test) => test.set('If-Match', '*'),
    'a version in the query': (test, version) => test.query({ version }),
    'no condition': (test) => test,
  }
  const requests: Record<string, (app: express.Express) => Test> = {
    PUT: (app) => request(app).put('/notes/1').send({ id: '1', title: 'mine' }),
    PATCH: (app) => request(app).patch('/notes/1').send({ title: 'mine' }),
    DELETE: (app) => request(app).delete('/notes/1'),
  }
  const events = ['changes', 'removes'] as const
  const cases = Object.keys(requests).flatMap((method) =>
    Object.keys(conditions).flatMap((condition) => events.map((event) => [method, condition, event] as const)),
  )
  test.each(cases)('%s with %s, while somebody %s it', async (method, condition, event) => {
    const run = async (when: 'before' | 'between') => {
      const { adapter, app, change, first, title, conflicts } = await reporting()
      const meanwhile = () => (event === 'changes' ? change('theirs') : adapter.inner.remove('1', first))
      if (when === 'before') await meanwhile()
      else adapter.stopBefore(method === 'DELETE' ? 'remove' : 'write', meanwhile)
      const answer = await conditions[condition]!(requests[method]!(app), first)
      return { answer: essence(answer, first), title: await title(), told: told(conflicts) }
    }
    const [before, between] = [await run('before'), await run('between')]
    // Of a request without a condition it is told before anything else is known of it.
    const early = condition === 'no condition' && event === 'removes' ? [['precondition_required', false]] : []
    expect(between).toEqual({ ...before, told: [...early, ...before.told] })
  })
})

describe("a handler's own value", () => {
  async function counting(value: (current: Note | undefined) => Note) {
    const adapter = gatedAdapter()
    const conflicts: ConflictEvent[] = []
    const chain: ConflictMiddleware<Note> = detectConflicts<Note>({
      ...{ name: 'note', adapter, path: '/:id', preconditions: { mode: 'report' } },
      onConflict: (event) => conflicts.push(event),
    })
    const app = express().use(express.json()).use('/notes', chain)
    const handle: RequestHandler = (req, res, next) => {
      const { commit, current } = resourceOf(req, chain)
      commit(value(current?.value)).then(({ outcome }) => res.json({ outcome }), next)
    }
    app.put('/notes/:id', handle).use(respondToConflicts(), mistake)
    await adapter.inner.write('1', { id: '1', title: 'first' }, null)
    const theirs = async () =>
      adapter.inner.write('1', { id: '1', title: 'theirs' }, (await adapter.inner.read('1'))?.version ?? null)
    return { adapter, app, conflicts, theirs }
  }

  test('is written again over what came in between', async () => {
    const { adapter, app, conflicts, theirs } = await counting(() => ({ id: '1', title: 'own' }))
    adapter.stopBefore('write', theirs)
    expect((await request(app).put('/notes/1').send({ title: 'x' })).status).toBe(200)
    expect((await adapter.inner.read('1'))?.value.title).toBe('own')
    expect(told(conflicts)).toEqual([['precondition_required', false]])
  })

  test('that named the version of the state is told of when that was overtaken', async () => {
    const { adapter, app, conflicts, theirs } = await counting(() => ({ id: '1', title: 'own' }))
    const version = (await adapter.inner.read('1'))?.version
    adapter.stopBefore('write', theirs)
    const sent = await request(app).put('/notes/1').set('If-Match', `"${version}"`).send({ title: 'x' })
    expect(sent.status).toBe(200)
    expect(told(conflicts)).toEqual([['precondition_failed', false]])
  })
})

describe("writes: 'by-app'", () => {
  /** A row that is changed by an UPDATE with the version in its WHERE. */
  function rowApp(meanwhile: (() => void)[], stock: boolean) {
    const row = { title: 'first', version: 1 }
    const conflicts: ConflictEvent[] = []
    const commits: CommitEvent[] = []
    const adapter: ResourceAdapter<{ title: string }> = {
      read: async () => ({ value: { title: row.title }, version: String(row.version) }),
    }
    const chain = detectConflicts({
      ...{ name: 'row', adapter, writes: 'by-app', path: '/:id', preconditions: { mode: 'report' } },
      onConflict: (event) => conflicts.push(event),
      onCommitted: (event) => commits.push(event),
    })
    const update: WriteChange<{ title: string }> = async ({ current, proposed }) => {
      meanwhile.shift()?.()
      if (String(row.version) !== current?.version || !proposed) return undefined
      Object.assign(row, { title: proposed.title, version: row.version + 1 })
      return { value: { title: row.title }, version: String(row.version) }
    }
    const app = express().use(express.json()).use('/rows', chain)
    const own: RequestHandler = (req, res, next) => {
      const resource = resourceOf(req, chain)
      Promise.resolve(update(resource, req))
        .then((outcome) => res.json(resource.written(outcome).representation))
        .catch(next)
    }
    app.put('/rows/:id', stock ? commitChange(update) : own).use(respondToConflicts(), mistake)
    const theirs = () => void Object.assign(row, { title: 'theirs', version: row.version + 1 })
    return { app, row, conflicts, commits, theirs, put: () => request(app).put('/rows/1').send({ title: 'mine' }) }
  }

  test.each([
    ['commitChange(write)', true],
    ['a handler of its own', false],
  ])('%s: a stale PUT is written over the state that was just read', async (_, stock) => {
    const { put, row, conflicts, commits } = rowApp([], stock)
    expect((await put().set('If-Match', '"0"')).status).toBe(200)
    expect((await put()).status).toBe(200)
    expect(row).toEqual({ title: 'mine', version: 3 })
    expect(told(conflicts)).toEqual([
      ['precondition_failed', false],
      ['precondition_required', false],
    ])
    expect(commits.map(({ conditional }) => conditional)).toEqual([true, false])
  })

  test('commitChange(write) writes again after a lost race', async () => {
    const meanwhile: (() => void)[] = []
    const { put, row, theirs, conflicts, commits } = rowApp(meanwhile, true)
    meanwhile.push(theirs, theirs)
    expect((await put().set('If-Match', '"1"')).status).toBe(200)
    expect(row).toEqual({ title: 'mine', version: 4 })
    expect(told(conflicts)).toEqual([['precondition_failed', false]])
    expect(commits).toEqual([expect.objectContaining({ tries: 3, conditional: true })])
  })

  test('a handler of its own has written nothing, and its lost race is refused', async () => {
    const meanwhile: (() => void)[] = []
    const { put, row, theirs, conflicts } = rowApp(meanwhile, false)
    meanwhile.push(theirs)
    const sent = await put()
    expect([sent.status, sent.body.code, sent.body.retryable]).toEqual([409, 'concurrent_update', true])
    expect(row.title).toBe('theirs')
    expect(told(conflicts)).toEqual([
      ['precondition_required', false],
      ['concurrent_update', true],
    ])
  })
})

describe("isolation: 'transaction'", () => {
  async function transactional(adapter: ResourceAdapter<Note>) {
    const conflicts: ConflictEvent[] = []
    const app = noteApp(adapter, {
      ...{ isolation: 'transaction', preconditions: { mode: 'report' } },
      onConflict: (event) => conflicts.push(event),
    })
    const put = (condition: string) =>
      request(app)
        .put('/notes/1')
        .set(condition, condition === 'If-Match' ? '"0"' : '*')
        .send({ id: '1', title: 'mine' })
    return { put, conflicts }
  }

  test('a stale PUT is committed', async () => {
    const adapter = memoryAdapter<Note>()
    await adapter.write('1', { id: '1', title: 'first' }, null)
    const { put, conflicts } = await transactional(adapter)
    expect((await put('If-Match')).status).toBe(200)
    expect((await adapter.read('1'))?.value.title).toBe('mine')
    expect(told(conflicts)).toEqual([['precondition_failed', false]])
  })

  test('a PUT that another one was faster to create is written over it', async () => {
    const inner = memoryAdapter<Note>()
    const { put, conflicts } = await transactional({
      ...inner,
      transaction: (run) =>
        inner.transaction((tx) =>
          run({
            ...tx,
            async write(key, value, expected) {
              // Where nothing is there is nothing to lock.
              if (expected === null) await tx.write?.(key, { id: '1', title: 'theirs' }, null)
              return tx.write!(key, value, expected)
            },
          }),
        ),
    })
    expect((await put('If-None-Match')).status).toBe(200)
    expect((await inner.read('1'))?.value.title).toBe('mine')
    expect(told(conflicts)).toEqual([['precondition_failed', false]])
  })
})

describe('what is told', () => {
  test('events on the channel', async () => {
    const seen: unknown[] = []
    const onConflict = (message: unknown) => {
      const { enforced, conflict } = message as ConflictEvents['conflict']
      seen.push([conflict.code, enforced])
    }
    const onCommitted = (message: unknown) => seen.push((message as ConflictEvents['committed']).conditional)
    subscribe('express-conflict:conflict', onConflict)
    subscribe('express-conflict:committed', onCommitted)
    const { put } = await reporting()
    await put()
    unsubscribe('express-conflict:conflict', onConflict)
    unsubscribe('express-conflict:committed', onCommitted)
    expect(seen).toEqual([['precondition_required', false], false])
  })

  test.each([
    ['of the app', (app: express.Express, inner: express.Router) => app.use('/notes', inner)],
    ['of an app above', (app: express.Express, inner: express.Router) => app.use(express().use('/notes', inner))],
  ])('a line in the log %s, with the same instance', async (_, mount) => {
    const lines: object[] = []
    const conflicts: ConflictEvent[] = []
    const adapter = gatedAdapter()
    await adapter.inner.write('1', { id: '1', title: 'first' }, null)
    const chain = detectConflicts<Note>({
      ...{ name: 'note', adapter, path: '/:id', preconditions: { mode: 'report' } },
      onConflict: (event) => conflicts.push(event),
    })
    const app = express().use(express.json())
    mount(app, express.Router().use(chain).put('/:id', commitChange()))
    const logger = { warn: (fields: object, text: string) => lines.push({ ...fields, text }), error: () => undefined }
    app.use(respondToConflicts({ logger }))
    expect((await request(app).put('/notes/1').send({ title: 'mine' })).status).toBe(200)
    expect(lines).toEqual([
      expect.objectContaining({
        ...{ code: 'precondition_required', status: 428, method: 'PUT', enforced: false },
        instance: conflicts[0]?.instance,
      }),
    ])
  })

  test('nothing by the default logger, which is for faults', async () => {
    const error = jest.spyOn(console, 'error').mockImplementation(() => undefined)
    const { put } = await reporting()
    await put()
    expect(error).not.toHaveBeenCalled()
    error.mockRestore()
  })

  test('no warning of a hidden conflict, where the handler fails behind it', async () => {
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const adapter = gatedAdapter()
    await adapter.inner.write('1', { id: '1', title: 'first' }, null)
    const chain = detectConflicts<Note>({ name: 'note', adapter, path: '/:id', preconditions: { mode: 'report' } })
    const failing = express().use(express.json()).use('/notes', chain)
    failing.put('/notes/:id', () => {
      throw new Error('a fault of the handler')
    })
    failing.use(respondToConflicts(), mistake)
    expect((await request(failing).put('/notes/1').send({ title: 'x' })).status).toBe(500)
    expect(warned.mock.calls.filter(([text]) => /was refused with/.test(String(text)))).toEqual([])
    warned.mockRestore()
  })
})

test('a mode that does not exist fails at start-up, with the value and what there is', () => {
  const mode = 'repot' as 'report'
  expect(() => detectConflicts({ name: 'note', adapter: memoryAdapter(), preconditions: { mode } })).toThrow(
    'detectConflicts(): preconditions: mode has to be one of "enforce", "report"; got "repot".',
  )
})
