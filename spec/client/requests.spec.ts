import { createClient, isProblemError, type ProblemError } from '../../lib/client'
import { type Doc, foreignServer, losing, ourServer } from './servers'

jest.setTimeout(30_000)

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})
const opened = async <T extends { close(): Promise<void> }>(server: Promise<T>) => {
  const it = await server
  closing.push(() => it.close())
  return it
}
const refused = (promise: Promise<unknown>) =>
  promise.then(
    () => Promise.reject(new Error('it was not refused')),
    (error: unknown) => error as ProblemError,
  )
const problem =
  (members: object, headers: object = {}) =>
  (_: unknown, res: import('node:http').ServerResponse) =>
    res
      .writeHead(503, { 'Content-Type': 'application/problem+json', ...headers })
      .end(JSON.stringify({ type: 'about:blank', title: 'later', status: 503, ...members }))

describe('what is remembered', () => {
  test('a second read sends the tag, and 304 gives what was read', async () => {
    const server = await opened(ourServer())
    const client = createClient()
    const first = await client.get<Doc>(server.url)
    first.value.title = 'scribbled on'
    const again = await client.get<Doc>(server.url)
    expect(again).toMatchObject({ status: 304, value: { title: 'a' }, etag: first.etag })
    expect(server.seen[1]?.headers['if-none-match']).toBe(first.etag)
  })

  test('304 to a condition of the caller’s own says nothing of a state', async () => {
    const server = await opened(ourServer())
    const { etag } = await createClient().get(server.url)
    const client = createClient()
    const headers = { 'If-None-Match': etag ?? '' }
    expect(await client.get(server.url, { headers })).toMatchObject({ status: 304, value: undefined })
    expect(await client.get(server.url)).toMatchObject({ status: 200, value: { title: 'a' } })
  })

  test('what is not used for longest is forgotten first', async () => {
    const server = await opened(ourServer())
    const client = createClient({ maxRemembered: 2 })
    for (const query of ['', '?b', '', '?c', '', '?b']) await client.get(`${server.url}${query}`)
    const sent = server.seen.map(({ headers }) => headers['if-none-match'] !== undefined)
    expect(sent).toEqual([false, false, true, false, true, false])
  })

  test('forget() drops one, or all', async () => {
    const server = await opened(ourServer())
    const client = createClient({ baseUrl: server.collection })
    for (const each of ['1', '1?b']) await client.get(each)
    client.forget('1')
    for (const each of ['1', '1?b']) await client.get(each)
    client.forget()
    await client.get('1')
    const sent = server.seen.map(({ headers }) => headers['if-none-match'] !== undefined)
    expect(sent).toEqual([false, false, false, true, false])
  })
})

describe('conditions', () => {
  test('put, patch and delete name what was read or stored last', async () => {
    const server = await opened(ourServer())
    const client = createClient()
    await client.get(server.url)
    await client.put(server.url, { id: '1', title: 'b' })
    await client.patch(server.url, { title: 'c' })
    await client.patch(server.url, [{ op: 'replace', path: '/title', value: 'd' }])
    expect(await server.stored()).toEqual({ id: '1', title: 'd' })
    await client.delete(server.url)
    expect(await server.stored()).toBeUndefined()
    expect(new Set(server.seen.slice(1).map(({ headers }) => headers['if-match'])).size).toBe(4)
    expect(server.seen.slice(1).every(({ headers }) => /^".+"$/.test(headers['if-match'] ?? ''))).toBe(true)
  })

  test('put of what was not read creates, and never overwrites', async () => {
    const server = await opened(ourServer())
    const client = createClient()
    expect(await refused(client.put(server.url, { id: '1', title: 'mine' }))).toMatchObject({ status: 412 })
    expect(await server.stored()).toMatchObject({ title: 'a' })
    const created = await client.put(`${server.collection}/2`, { title: 'mine' })
    expect(created).toMatchObject({ status: 201, value: { id: '2', title: 'mine' } })
  })

  test('patch and delete of what was not read fail before they are sent, unless they say so', async () => {
    const server = await opened(ourServer())
    const client = createClient()
    await expect(client.delete(server.url)).rejects.toThrow(`DELETE ${server.url} would be blind.`)
    await expect(client.patch(server.url, {})).rejects.toBeInstanceOf(TypeError)
    expect(server.seen).toEqual([])
    await client.delete(server.url, { condition: '*' })
    expect(server.seen[0]?.headers['if-match']).toBe('*')
  })

  test('a weak tag names nothing: nothing is stored, and it is not tried for ever', async () => {
    const server = await opened(foreignServer(undefined, { tag: (n) => `W/"${n}"` }))
    const client = createClient()
    await client.get(server.url)
    expect(await refused(client.put(server.url, { title: 'b' }))).toMatchObject({ status: 412 })
    expect(await refused(client.update(server.url, () => ({ title: 'c' })))).toMatchObject({ status: 412 })
    expect(server.stored()).toMatchObject({ title: 'a' })
    expect(server.seen.filter(({ method }) => method === 'PUT')).toHaveLength(2)
  })

  test('a put that gave no tag is followed by a look: the next one goes on from there, or sees the conflict', async () => {
    const server = await opened(foreignServer(undefined, { answerPut: false }))
    const client = createClient()
    await client.get(server.url)
    await client.put(server.url, { title: 'b' })
    await client.put(server.url, { title: 'c' })
    expect(server.stored()).toEqual({ title: 'c' })
    server.change({ title: 'theirs' })
    const error = await refused(client.put(server.url, { title: 'd' }))
    expect(error.problem).toMatchObject({ status: 412, code: 'precondition_failed' })
    expect(server.stored()).toEqual({ title: 'theirs' })
  })

  test('a refusal carries the problem, made from the status where there is none', async () => {
    const [ours, theirs] = [await opened(ourServer()), await opened(foreignServer())]
    for (const server of [ours, theirs]) {
      const client = createClient()
      await client.get(server.url)
      await server.change({ title: 'theirs' })
      const error = await refused(client.put(server.url, { id: '1', title: 'mine' }))
      expect(isProblemError(error)).toBe(true)
      expect(error.problem.code).toBe(server === ours ? 'precondition_failed' : undefined)
      expect(error.problem.status).toBe(412)
    }
  })

  test('put with a resolver goes on from what was remembered', async () => {
    const server = await opened(ourServer())
    const client = createClient({ resolve: ({ theirs, mine }) => ({ ...theirs, ...mine }) })
    await client.get(server.url)
    await server.change({ extra: 'theirs' })
    const { value } = await client.put<Doc>(server.url, { id: '1', title: 'mine' })
    expect(value).toEqual({ id: '1', title: 'mine', body: 'a', extra: 'theirs' })
  })
})

describe('what is sent again', () => {
  test('what is retryable, when its Retry-After is over', async () => {
    const server = await opened(ourServer())
    server.takeNext('GET', problem({ retryable: true }, { 'Retry-After': '1' }))
    const start = Date.now()
    expect((await createClient().get<Doc>(server.url)).value).toMatchObject({ title: 'a' })
    expect(Date.now() - start).toBeGreaterThanOrEqual(1000)
  })

  test('not what is not retryable, and not at all without a problem that says so', async () => {
    const server = await opened(ourServer())
    const client = createClient()
    await client.get(server.url)
    server.takeNext('GET', problem({ retryable: false }))
    expect(await refused(client.get(server.url))).toMatchObject({ status: 503 })
    server.takeNext('PATCH', (_, res) => res.writeHead(503).end())
    expect(await refused(client.patch(server.url, {}, { condition: '*' }))).toMatchObject({ status: 503 })
    server.takeNext('GET', (_, res) => res.writeHead(500).end())
    expect(await refused(client.get(server.url))).toMatchObject({ status: 500 })
    expect(server.seen).toHaveLength(4)
  })

  test('after a cut line: a read, a condition that names a state, a key; nothing else', async () => {
    const server = await opened(ourServer())
    const cut = (req: import('node:http').IncomingMessage) => req.socket.destroy()
    const client = createClient()
    server.takeNext('GET', cut)
    await client.get(server.url)
    server.takeNext('PUT', cut)
    await client.put(server.url, { id: '1', title: 'b' })
    server.takeNext('POST', cut)
    await client.post(server.collection, {})
    server.takeNext('PATCH', cut)
    await expect(client.patch(server.url, { title: 'c' }, { condition: '*' })).rejects.toThrow('fetch failed')
    const keyless = createClient({ idempotencyKeys: false })
    server.takeNext('POST', cut)
    await expect(keyless.post(server.collection, {})).rejects.toThrow('fetch failed')
    expect(server.seen.map(({ method }) => method).join(' ')).toBe('GET GET PUT PUT POST POST PATCH POST')
  })

  test('a patch that was made, and its answer lost: nobody says that it failed', async () => {
    const server = await opened(ourServer({ id: '1', items: [1] }))
    const client = createClient({ fetch: losing('PATCH') })
    await client.get(server.url)
    const appended = client.patch(server.url, [{ op: 'add', path: '/items/-', value: 2 }])
    await expect(appended).rejects.toMatchObject({ problem: { code: 'outcome_unknown', retryable: false } })
    expect(await server.stored()).toEqual({ id: '1', items: [1, 2] })
  })

  test('nor of a put that the server stored with more than was sent', async () => {
    const server = await opened(ourServer({ id: '1', title: 'a' }, { alreadyApplied: [] }))
    const client = createClient({ fetch: losing('PUT') })
    await client.get(server.url)
    const unknown = { problem: { code: 'outcome_unknown', retryable: false } }
    // Its key is filled in.
    await expect(client.put(server.url, { title: 'b' })).rejects.toMatchObject(unknown)
    expect(await server.stored()).toEqual({ id: '1', title: 'b' })
    const creating = createClient({ fetch: losing('PUT') }).put(`${server.collection}/2`, { title: 'new' })
    await expect(creating).rejects.toMatchObject(unknown)
  })

  test('a removal that was made, and its answer lost, is made', async () => {
    const server = await opened(ourServer())
    const client = createClient({ fetch: losing('DELETE') })
    await client.get(server.url)
    expect(await client.delete(server.url)).toMatchObject({ status: 404, value: undefined })
    expect(await server.stored()).toBeUndefined()
    // Once it is gone there is nothing to name.
    await client.put(server.url, { id: '1', title: 'anew' })
    expect(server.seen.at(-1)?.headers).toMatchObject({ 'if-none-match': '*' })
  })

  test('a removal of what is not there is refused', async () => {
    const server = await opened(ourServer())
    const client = createClient()
    await client.get(server.url)
    await client.delete(server.url)
    expect(await refused(client.delete(server.url, { condition: '*' }))).toMatchObject({ status: 404 })
  })

  test('what was not found is forgotten', async () => {
    const server = await opened(ourServer())
    const client = createClient()
    await client.get(server.url)
    await createClient().delete(server.url, { condition: '*' })
    expect(await refused(client.get(server.url))).toMatchObject({ status: 404 })
    await client.put(server.url, { id: '1', title: 'anew' })
    expect(await server.stored()).toMatchObject({ title: 'anew' })
  })

  test('a POST keeps its key, and another one has another', async () => {
    const server = await opened(ourServer())
    const { collection } = server
    const client = createClient({ fetch: losing('POST', 2) })
    await client.post(collection, { title: 'b' })
    await client.post(collection, { title: 'c' }, { idempotencyKey: 'a "key"' })
    const keys = server.seen.map(({ headers }) => headers['idempotency-key'])
    expect(keys[0]).toMatch(/^"\d+-\d+-\d+-\d+"$/)
    expect(new Set(keys.slice(0, 3)).size).toBe(1)
    expect(keys[3]).toBe('"a \\"key\\""')
  })

  test('so often and no more', async () => {
    const server = await opened(ourServer())
    for (let i = 0; i < 9; i++) server.takeNext('GET', problem({ retryable: true }))
    expect(await refused(createClient({ tries: 3 }).get(server.url))).toMatchObject({ status: 503 })
    expect(server.seen).toHaveLength(3)
  })

  test('not when the wait would outlast the deadline: the refusal comes at once', async () => {
    const server = await opened(ourServer())
    server.takeNext('GET', problem({ retryable: true, code: 'queue_full' }, { 'Retry-After': '3600' }))
    const error = await refused(createClient().get(server.url))
    expect(error.problem.code).toBe('queue_full')
    expect(error.headers.get('Retry-After')).toBe('3600')
  })

  test('a server that hangs is given up at the deadline', async () => {
    const server = await opened(ourServer())
    server.takeNext('GET', () => undefined)
    const hanging = createClient({ deadlineMs: 50 }).get(server.url)
    await expect(hanging).rejects.toMatchObject({ name: 'TimeoutError' })
  })

  test('a deadline that never comes is none', async () => {
    const server = await opened(ourServer())
    for (const deadlineMs of [Number.POSITIVE_INFINITY, 2 ** 31])
      expect((await createClient({ deadlineMs }).get(server.url)).status).toBe(200)
  })

  test('a caller that gives up is heard: before it is sent, while it hangs, while it waits', async () => {
    const server = await opened(ourServer())
    const reason = new Error('the page was left')
    await expect(createClient().get(server.url, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    for (const take of [() => undefined, problem({ retryable: true }, { 'Retry-After': '20' })]) {
      const controller = new AbortController()
      server.takeNext('GET', (req, res) => {
        take(req, res)
        setTimeout(() => controller.abort(reason), 20)
      })
      await expect(createClient().get(server.url, { signal: controller.signal })).rejects.toBe(reason)
    }
  })
})
