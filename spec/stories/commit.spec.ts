import timers from 'node:timers/promises'
import express, { type RequestHandler } from 'express'
import request from 'supertest'
import { type ConflictOptions, detectConflicts, resourceOf, respondToConflicts } from '../../lib'
import { gatedAdapter, type Note, noteApp } from './race'

/** An app whose handler is the test's own. Express 4 needs the catch, Express 5 does without. */
async function handled(
  handler: (...args: Parameters<RequestHandler>) => Promise<unknown>,
  options: Partial<ConflictOptions<Note>> = {},
) {
  const adapter = gatedAdapter()
  const written = await adapter.inner.write('1', { id: '1', title: 'first' }, null)
  const chain = detectConflicts<Note>({ name: 'note', adapter, ...options })
  const app = express()
  const errors: Error[] = []
  app.use(express.json())
  app.all('/notes/:id', chain, (req, res, next) => {
    handler(req, res, next).catch(next)
  })
  app.use(respondToConflicts())
  const last: express.ErrorRequestHandler = (error, _req, res, _next) => {
    errors.push(error)
    if (res.headersSent) res.end()
    else res.status(500).send('mistake')
  }
  app.use(last)
  const version = written.ok ? written.state.version : ''
  const stored = async () => (await adapter.inner.read('1'))?.value
  const change = async (note: Partial<Note>) => {
    const now = await adapter.inner.read('1')
    await adapter.inner.write('1', { id: '1', title: 'theirs', ...note }, now!.version)
  }
  return {
    adapter,
    chain,
    app,
    errors,
    version,
    stored,
    change,
    noteOf: (req: express.Request) => resourceOf(req, chain),
  }
}

describe('commit of a value of the handler’s own', () => {
  test('stores it in place of what was proposed', async () => {
    const { app, chain, stored } = await handled(async (req, res) => {
      const { outcome, state } = await resourceOf(req, chain).commit({ id: '1', title: 'own' })
      res.json({ outcome, title: state?.value.title })
    })
    const response = await request(app).put('/notes/1').set('If-Match', '*').send({ title: 'sent' }).expect(200)
    expect(response.body).toEqual({ outcome: 'replaced', title: 'own' })
    expect(await stored()).toEqual({ id: '1', title: 'own' })
  })

  test.each([
    ['a tag', (version: string) => ({ 'If-Match': `"${version}"` }), 412, 'precondition_failed', 'If-Match'],
    ['If-Match: *', () => ({ 'If-Match': '*' }), 412, 'precondition_failed', 'If-Match'],
    ['If-None-Match', () => ({ 'If-None-Match': '"other"' }), 412, 'precondition_failed', 'If-None-Match'],
    ['no condition', () => ({}), 409, 'concurrent_update', undefined],
  ])('is final after a lost race, with %s', async (_, headers, status, code, field) => {
    const { app, chain, adapter, version, stored, change } = await handled(
      async (req, res) => {
        await resourceOf(req, chain).commit({ id: '1', title: 'own' })
        res.end()
      },
      { preconditions: { required: false } },
    )
    adapter.stopBefore('write', () => change({}))
    const response = await request(app).post('/notes/1').set(headers(version)).expect(status)
    expect(response.body).toMatchObject({ code, retryable: code === 'concurrent_update' })
    expect(response.body.field).toBe(field)
    expect(adapter.calls.write).toBe(1)
    expect(await stored()).toMatchObject({ title: 'theirs' })
  })

  test('gives what an answer may show: hidden members out, the version field in', async () => {
    const { app, chain } = await handled(
      async (req, res) => {
        const committed = await resourceOf(req, chain).commit({ id: '1', title: 'own', body: 'hidden' })
        res.json([committed.representation, committed.state?.version])
      },
      { hidden: ['/body'], preconditions: { versionField: '/version' } },
    )
    const [representation, version] = (await request(app).post('/notes/1').expect(200)).body
    expect(representation).toEqual({ id: '1', title: 'own', version })
  })

  test('is checked like any other change', async () => {
    const { app, chain, stored } = await handled(
      async (req, res) => {
        await resourceOf(req, chain).commit({ id: '2', title: 'own' })
        res.end()
      },
      { immutable: ['/id'] },
    )
    const response = await request(app).post('/notes/1').expect(409)
    expect(response.body).toMatchObject({ code: 'immutable_field', conflicts: [{ pointer: '/id', kind: 'changed' }] })
    expect(await stored()).toEqual({ id: '1', title: 'first' })
  })

  test('must not be the current one, changed in place', async () => {
    const { app, chain, errors } = await handled(async (req) => {
      const note = resourceOf(req, chain)
      const value = note.current!.value
      value.title = 'changed in place'
      await note.commit(value)
    })
    await request(app).post('/notes/1').expect(500)
    expect(errors[0]).toMatchObject({ name: 'TypeError', message: expect.stringContaining('Give a copy') })
  })
})

describe('commit of a function', () => {
  test('is called again on the state that won', async () => {
    const seen: (string | undefined)[] = []
    const { app, chain, adapter, stored, change } = await handled(async (req, res) => {
      await resourceOf(req, chain).commit((current) => {
        seen.push(current?.title)
        return { id: '1', title: `${current?.title}, then mine` }
      })
      res.end()
    })
    adapter.stopBefore('write', () => change({}))
    await request(app).post('/notes/1').expect(200)
    expect(seen).toEqual(['first', 'theirs'])
    expect(await stored()).toEqual({ id: '1', title: 'theirs, then mine' })
  })

  test('may change what it is given: the checks compare with the value as it was', async () => {
    const { app, chain, stored } = await handled(
      async (req, res) => {
        await resourceOf(req, chain).commit((current) => Object.assign(current ?? {}, { id: '2' }) as Note)
        res.end()
      },
      { immutable: ['/id'] },
    )
    await request(app).post('/notes/1').expect(409)
    expect(await stored()).toEqual({ id: '1', title: 'first' })
  })

  test('that gives nothing is a mistake, and nothing is stored', async () => {
    const { app, chain, adapter, errors } = await handled(async (req) =>
      resourceOf(req, chain).commit(() => undefined as never),
    )
    await request(app).post('/notes/1').expect(500)
    expect(errors[0]).toMatchObject({ name: 'TypeError', message: expect.stringContaining('undefined') })
    expect(adapter.calls.write).toBe(0)
  })

  test('never overrides the condition of the client', async () => {
    const { app, chain, adapter, version, change } = await handled(async (req, res) => {
      await resourceOf(req, chain).commit((current) => ({ id: '1', title: `${current?.title}!` }))
      res.end()
    })
    adapter.stopBefore('write', () => change({}))
    const response = await request(app).post('/notes/1').set('If-Match', `"${version}"`).expect(412)
    expect(response.body.code).toBe('precondition_failed')
    expect(response.headers.etag).toBe(`"${(await adapter.inner.read('1'))!.version}"`)
  })
})

describe('a commit that cannot be', () => {
  test.each([
    ['on a safe method', 'get', 'a safe method changes nothing'],
    ['of nothing, on an action', 'post', 'proposes nothing by itself'],
  ])('%s is a mistake', async (_, method, message) => {
    const { app, chain, errors } = await handled((req) => resourceOf(req, chain).commit())
    await request(app)[method as 'get']('/notes/1').expect(500)
    expect(errors[0]!.message).toContain(message)
  })

  test('twice on one request is a mistake', async () => {
    const { app, chain, adapter, errors } = await handled(async (req) => {
      await resourceOf(req, chain).commit()
      await resourceOf(req, chain).commit()
    })
    await request(app).put('/notes/1').set('If-Match', '*').send({ title: 'mine' }).expect(500)
    expect(errors[0]!.message).toContain('one request commits once')
    expect(adapter.calls.write).toBe(1)
  })

  test('twice at once is a mistake, and stores once', async () => {
    const { app, chain, adapter } = await handled(async (req, res) => {
      const { commit } = resourceOf(req, chain)
      const both = await Promise.allSettled([commit({ id: '1', title: 'a' }), commit({ id: '1', title: 'b' })])
      res.json(both.map((each) => (each.status === 'rejected' ? String(each.reason) : each.status)))
    })
    const { body } = await request(app).post('/notes/1').expect(200)
    expect(body).toEqual(['fulfilled', expect.stringContaining('it is still at work')])
    expect(adapter.calls.write).toBe(1)
  })

  test.each<[string, (of: ReturnType<typeof resourceOf<Note>>) => Promise<unknown>]>([
    ['what was proposed', ({ commit }) => commit()],
    ['a value', ({ commit }) => commit({ id: '1', title: 'mine' })],
    ['a function', ({ commit }) => commit(() => ({ id: '1', title: 'mine' }))],
  ])('again after a race that it lost is refused in the same way: %s', async (_, again) => {
    const refusals: string[] = []
    const { app, chain, adapter, version, stored, change } = await handled(async (req, res) => {
      const note = resourceOf(req, chain)
      for (let tries = 0; tries < 3; tries++)
        await again(note).catch((error: { code: string }) => refusals.push(error.code))
      res.end()
    })
    adapter.stopBefore('write', () => change({}))
    await request(app).put('/notes/1').set('If-Match', `"${version}"`).send({ id: '1', title: 'mine' })
    expect(refusals).toEqual(Array(3).fill('precondition_failed'))
    expect(await stored()).toMatchObject({ title: 'theirs' })
  })

  test('again with a value of the handler’s own is refused, too, where If-Match: * would hold for the winner', async () => {
    const refusals: string[] = []
    const { app, chain, adapter, stored, change } = await handled(async (req, res) => {
      const { commit } = resourceOf(req, chain)
      for (let tries = 0; tries < 2; tries++)
        await commit({ id: '1', title: 'mine' }).catch((error: { code: string }) => refusals.push(error.code))
      res.end()
    })
    adapter.stopBefore('write', () => change({}))
    await request(app).put('/notes/1').set('If-Match', '*').send({ id: '1', title: 'mine' })
    expect(refusals).toEqual(['precondition_failed', 'precondition_failed'])
    expect(await stored()).toMatchObject({ title: 'theirs' })
  })

  test('again with a value that the schema takes, after one that it did not, is no race', async () => {
    const { app, chain, stored } = await handled(
      async (req, res) => {
        const { commit } = resourceOf(req, chain)
        await commit({ id: '1', title: '' }).catch(() => commit({ id: '1', title: 'untitled' }))
        res.end()
      },
      { schema: { properties: { title: { minLength: 1 } } } },
    )
    await request(app).post('/notes/1').expect(200)
    expect(await stored()).toEqual({ id: '1', title: 'untitled' })
  })

  test('after the answer has begun is a mistake, and nothing is stored', async () => {
    const { app, chain, errors, stored } = await handled(async (req, res) => {
      res.write('begun')
      await resourceOf(req, chain).commit()
    })
    await request(app).put('/notes/1').set('If-Match', '*').send({ title: 'mine' }).expect(200)
    expect(errors[0]!.message).toContain('the answer has begun already')
    expect(await stored()).toEqual({ id: '1', title: 'first' })
  })

  test('while another layer answers is made all the same, and says so', async () => {
    let committed: Promise<{ outcome: string }> | undefined
    const { app, chain, adapter, stored } = await handled(async (req, res) => {
      adapter.stopBefore('write', async () => res.status(503).end('too late'))
      committed = resourceOf(req, chain).commit({ id: '1', title: 'own' })
      await committed
    })
    await request(app).post('/notes/1').expect(503)
    expect((await committed)?.outcome).toBe('replaced')
    expect(await stored()).toEqual({ id: '1', title: 'own' })
  })

  test('without a chain is a mistake that names what to mount', async () => {
    const { chain } = await handled(async () => undefined)
    const app = express()
    let mistake: Error | undefined
    app.get('/', (req, res) => {
      try {
        resourceOf(req, chain)
      } catch (error) {
        mistake = error as Error
      }
      res.end()
    })
    await request(app).get('/')
    expect(mistake?.message).toContain('Mount detectConflicts')
  })
})

describe('the checks run again on the state that won', () => {
  test('a rule that it breaks refuses', async () => {
    const { app, chain, adapter, change } = await handled(
      async (req, res) => res.json((await resourceOf(req, chain).commit()).state),
      {
        rules: [
          async ({ current, proposed }) =>
            current?.value.body === 'final' && proposed ? { detail: 'It is final.', pointers: ['/body'] } : undefined,
        ],
      },
    )
    adapter.stopBefore('write', () => change({ body: 'final' }))
    const response = await request(app).put('/notes/1').set('If-Match', '*').send({ title: 'mine' }).expect(409)
    expect(response.body).toMatchObject({ code: 'rule_violation', detail: 'It is final.' })
  })

  test('a caller who may not change it any more is refused', async () => {
    const { app, chain, adapter, change, stored } = await handled(
      async (req, res) => res.json((await resourceOf(req, chain).commit()).state),
      { allow: (_req, current) => current?.value.body !== 'secret' },
    )
    adapter.stopBefore('write', () => change({ body: 'secret' }))
    await request(app).put('/notes/1').set('If-Match', '*').send({ title: 'mine' }).expect(403)
    expect(await stored()).toMatchObject({ title: 'theirs' })
  })

  test('a state that froze meanwhile is not changed', async () => {
    const { app, chain, adapter, change } = await handled(
      async (req, res) => res.json((await resourceOf(req, chain).commit()).state),
      { lifecycle: { field: '/body', frozen: ['archived'] } },
    )
    adapter.stopBefore('write', () => change({ body: 'archived' }))
    const response = await request(app).put('/notes/1').set('If-Match', '*').send({ title: 'mine' }).expect(409)
    expect(response.body.code).toBe('frozen')
  })
})

describe('a race that goes on', () => {
  test('is won in the end, however many tries it takes', async () => {
    const { app, chain, adapter, change, stored } = await handled(async (req, res) => {
      await resourceOf(req, chain).commit()
      res.end()
    })
    for (let n = 1; n <= 12; n++) adapter.stopBefore('write', () => change({ title: `theirs ${n}` }))
    const random = jest.spyOn(Math, 'random').mockReturnValue(0.01)
    await request(app).put('/notes/1').set('If-Match', '*').send({ title: 'mine' }).expect(200)
    random.mockRestore()
    expect(adapter.calls.write).toBe(13)
    expect(await stored()).toEqual({ title: 'mine' })
  })

  test('has pauses that end: they grow to 100 ms and no further', async () => {
    const { app, chain, adapter, change } = await handled(async (req, res) => {
      await resourceOf(req, chain).commit()
      res.end()
    })
    const pauses: number[] = []
    const wait = jest
      .spyOn(timers, 'setTimeout')
      .mockImplementation((ms) => Promise.resolve(void pauses.push(Number(ms)) as never))
    const random = jest.spyOn(Math, 'random').mockReturnValue(1)
    for (let n = 1; n <= 8; n++) adapter.stopBefore('write', () => change({ title: `theirs ${n}` }))
    await request(app).put('/notes/1').set('If-Match', '*').send({ title: 'mine' }).expect(200)
    wait.mockRestore()
    random.mockRestore()
    expect(pauses).toEqual([10, 20, 40, 80, 100, 100, 100])
  })

  test('of a function that takes longer than the deadline of a call is written all the same, once', async () => {
    const { app, chain, adapter, stored } = await handled(
      async (req, res) => {
        const state = await resourceOf(req, chain).commit(async () => {
          await new Promise((resolve) => setTimeout(resolve, 30))
          return { id: '1', title: 'slowly made' }
        })
        res.json(state.outcome)
      },
      { deadlineMs: 10 },
    )
    adapter.stopBefore('write', () => new Promise((resolve) => setTimeout(resolve, 2)))
    expect((await request(app).post('/notes/1')).status).toBe(200)
    expect(await stored()).toEqual({ id: '1', title: 'slowly made' })
  })

  test('ends with the deadline', async () => {
    const { app, chain, adapter, change } = await handled(
      async (req, res) => {
        await resourceOf(req, chain).commit()
        res.end()
      },
      { deadlineMs: 200 },
    )
    // Each write is overtaken: only the deadline can end it.
    for (let i = 0; i < 1000; i++) adapter.stopBefore('write', () => change({}))
    const response = await request(app).put('/notes/1').set('If-Match', '*').send({ title: 'mine' }).expect(409)
    expect(response.body).toMatchObject({ code: 'concurrent_update', retryable: true, resolution: 'wait' })
    expect(Number(response.headers['retry-after'])).toBeGreaterThanOrEqual(1)
    expect(adapter.calls.write).toBeLessThan(1000)
  })

  test('a date alone does not hold after a lost race, whatever its second says', async () => {
    const at = Date.UTC(2026, 0, 1)
    const adapter = gatedAdapter({ now: () => at })
    await adapter.inner.write('1', { id: '1', title: 'first' }, null)
    adapter.stopBefore('write', async () => {
      const now = await adapter.inner.read('1')
      await adapter.inner.write('1', { id: '1', title: 'theirs' }, now!.version)
    })
    const response = await request(noteApp(adapter))
      .put('/notes/1')
      .set('If-Unmodified-Since', new Date(at).toUTCString())
      .send({ title: 'mine' })
      .expect(412)
    expect(response.body).toMatchObject({ code: 'precondition_failed', field: 'If-Unmodified-Since' })
    expect((await adapter.inner.read('1'))?.value.title).toBe('theirs')
  })
})

describe('many at once', () => {
  test('of 50 writers with one tag, one commits and 49 get 412', async () => {
    const adapter = gatedAdapter()
    const written = await adapter.inner.write('1', { id: '1', title: 'first' }, null)
    const server = noteApp(adapter).listen(0)
    const tag = `"${written.ok && written.state.version}"`
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        request(server)
          .put('/notes/1')
          .set('If-Match', tag)
          .send({ id: '1', title: `writer ${n}` }),
      ),
    )
    server.close()
    const winners = answers.filter(({ status }) => status === 200)
    expect(winners).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 412)).toHaveLength(49)
    expect((await adapter.inner.read('1'))?.value).toEqual(winners[0]!.body)
  })

  test('of 20 creators of one key, one gets 201 and 19 get 412', async () => {
    const adapter = gatedAdapter()
    const server = noteApp(adapter).listen(0)
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        request(server)
          .put('/notes/1')
          .set('If-None-Match', '*')
          .send({ title: `creator ${n}` }),
      ),
    )
    server.close()
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(19).fill(412)])
  })
})
