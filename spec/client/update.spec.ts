import {
  type Conflict,
  createClient,
  isProblemError,
  keepMine,
  mergeDisjoint,
  takeTheirs,
  UnmergeableError,
} from '../../lib/client'
import { type Doc, foreignServer, losing, ourServer, type Served } from './servers'

jest.setTimeout(30_000)

type Store = Served & { stored(): Doc | undefined | Promise<Doc | undefined>; change(change: Doc): unknown }
const SERVERS: [string, () => Promise<Store>][] = [
  ['one of ours', ourServer],
  ['one that is not ours', () => foreignServer()],
  ['one that gives no ETag on PUT', () => foreignServer(undefined, { answerPut: false })],
]

describe.each(SERVERS)('a change that says from which answer it was made, with %s', (_, open) => {
  /** Read for a form, and read again in the background after somebody else has saved. */
  let server: Store
  beforeEach(async () => {
    server = await open()
  })
  afterEach(() => server.close())

  async function refetched() {
    const client = createClient()
    const from = await client.get<Doc>(server.url)
    await server.change({ title: 'theirs' })
    await client.get(server.url)
    return { client, from }
  }

  test('a read in the background does not make an old form look new', async () => {
    const { client, from } = await refetched()
    const saved = client.put(server.url, { ...from.value, body: 'mine' }, { from })
    await expect(saved).rejects.toMatchObject({ status: 412 })
    await expect(client.patch(server.url, { body: 'mine' }, { from })).rejects.toMatchObject({ status: 412 })
    await expect(client.delete(server.url, { from })).rejects.toMatchObject({ status: 412 })
    expect(await server.stored()).toMatchObject({ title: 'theirs', body: 'a' })
  })

  test('an answer about another resource is refused: both may have the same tag', async () => {
    const { client, from } = await refetched()
    for (const url of [`${server.url}2`, new URL('other', server.url).href])
      await expect(client.put(url, from.value, { from })).rejects.toThrow(`from: ${server.url} is not ${url}.`)
    const change = client.patch(`${server.url}?by=ann`, { body: 'mine' }, { from: await client.get(server.url) })
    await expect(change).resolves.toMatchObject({ status: 200, url: `${server.url}?by=ann` })
  })

  test('a resolver gets that answer as its base', async () => {
    const { client, from } = await refetched()
    await client.put(server.url, { ...from.value, body: 'mine' }, { from, resolve: mergeDisjoint() })
    expect(await server.stored()).toMatchObject({ title: 'theirs', body: 'mine' })
  })

  test('what is given back by a put can be put from', async () => {
    const { client, from } = await refetched()
    const first = await client.put(server.url, { ...from.value, body: 'mine' }, { from, resolve: mergeDisjoint() })
    const second = client.put(server.url, { ...first.value, body: 'more' }, { from: first })
    // The server did not say what it has stored.
    if (first.value === undefined) await expect(second).rejects.toThrow('would be blind')
    else expect((await second).value).toMatchObject({ title: 'theirs', body: 'more' })
  })
})

describe.each(SERVERS)('update(), with %s', (_, open) => {
  let server: Store
  beforeEach(async () => {
    server = await open()
  })
  afterEach(() => server.close())
  const changes = () => server.seen.filter(({ method }) => method === 'PUT').map(({ headers }) => headers['if-match'])

  test('reads, changes, and stores with the tag that was read', async () => {
    const { value, etag } = await createClient().update<Doc>(server.url, (note) => ({ ...note, title: 'b' }))
    expect(value).toMatchObject({ title: 'b', body: 'a' })
    expect(await server.stored()).toEqual(value)
    expect(changes()).toHaveLength(1)
    expect(etag).not.toBe(changes()[0])
  })

  test('where somebody was faster the function is called again with what they stored', async () => {
    const seen: unknown[] = []
    const { value } = await createClient().update<Doc>(server.url, async (note) => {
      seen.push(note.title)
      if (seen.length < 3) await server.change({ title: `theirs ${seen.length}` })
      return { ...note, body: `${note.title}, and mine` }
    })
    expect(seen).toEqual(['a', 'theirs 1', 'theirs 2'])
    expect(value).toMatchObject({ title: 'theirs 2', body: 'theirs 2, and mine' })
    expect(await server.stored()).toEqual(value)
  })

  test('nothing is sent for what is not changed, or for undefined', async () => {
    const client = createClient()
    expect((await client.update<Doc>(server.url, (note) => ({ ...note }))).value).toMatchObject({ title: 'a' })
    expect((await client.update<Doc>(server.url, () => undefined)).value).toMatchObject({ title: 'a' })
    expect(changes()).toEqual([])
  })

  test('the resolver gets base, theirs, mine, and where both changed', async () => {
    const conflicts: Conflict<Doc>[] = []
    const { value } = await createClient().update<Doc>(
      server.url,
      async (note) => {
        await server.change({ title: 'theirs', body: 'theirs' })
        return { ...note, title: 'mine', extra: 'mine' }
      },
      {
        resolve: async (conflict) => {
          conflicts.push(conflict)
          if (conflicts.length === 1) await server.change({ body: 'theirs again' })
          return { ...conflict.theirs, title: 'ours' }
        },
      },
    )
    expect(conflicts).toMatchObject([
      { base: { title: 'a' }, theirs: { title: 'theirs' }, mine: { title: 'mine' }, conflicts: ['/title'] },
      { base: { body: 'theirs' }, theirs: { body: 'theirs again' }, mine: { title: 'ours' }, conflicts: [] },
    ])
    expect(conflicts[0]?.problem.status).toBe(412)
    expect(value).toMatchObject({ title: 'ours', body: 'theirs again' })
  })

  const meanwhile = (theirs: Doc, mine: Doc, resolve: Parameters<ReturnType<typeof createClient>['update']>[2]) =>
    createClient().update<Doc>(
      server.url,
      async (note) => {
        await server.change(theirs)
        return { ...note, ...mine }
      },
      resolve as never,
    )

  test('takeTheirs stores nothing', async () => {
    const { value } = await meanwhile({ title: 'theirs' }, { title: 'mine' }, { resolve: takeTheirs })
    expect(value).toMatchObject({ title: 'theirs' })
    expect(changes()).toHaveLength(1)
  })

  test('keepMine stores mine over theirs', async () => {
    const { value } = await meanwhile({ body: 'theirs' }, { title: 'mine' }, { resolve: keepMine })
    expect(value).toMatchObject({ title: 'mine', body: 'a' })
    expect(await server.stored()).toEqual(value)
  })

  test('mergeDisjoint stores both, and fails with the pointers where both changed', async () => {
    const { value } = await meanwhile({ body: 'theirs' }, { title: 'mine' }, { resolve: mergeDisjoint() })
    expect(value).toMatchObject({ title: 'mine', body: 'theirs' })
    const failing = meanwhile({ title: 'b', body: 'b' }, { title: 'c' }, { resolve: mergeDisjoint() })
    await expect(failing).rejects.toMatchObject({ name: 'UnmergeableError', pointers: ['/title'] })
    await expect(failing).rejects.toBeInstanceOf(UnmergeableError)
    expect(await server.stored()).toMatchObject({ title: 'b', body: 'b' })
  })

  test('items are told apart by arrayKeys', async () => {
    await server.change({ items: [{ id: 1 }, { id: 2 }] })
    const arrayKeys = { '/items': '/id' }
    const { value } = await meanwhile(
      { items: [{ id: 1, by: 'theirs' }, { id: 2 }] },
      { items: [{ id: 2, by: 'mine' }] },
      { resolve: mergeDisjoint({ arrayKeys }) },
    ).catch(() => ({ value: undefined }))
    // One removed what the other one changed.
    expect(value).toBeUndefined()
    const merged = await meanwhile(
      {
        items: [
          { id: 1, by: 'theirs' },
          { id: 2, by: 'theirs' },
        ],
      },
      { items: [{ id: 2, by: 'theirs' }, { id: 3 }] },
      { resolve: mergeDisjoint({ arrayKeys }) },
    )
    expect(merged.value.items).toEqual([{ id: 2, by: 'theirs' }, { id: 3 }])
  })

  test('a resolver that gives up, and one that never ends: the refusal is thrown', async () => {
    const givesUp = meanwhile({ title: 'b' }, { title: 'c' }, { resolve: () => undefined })
    await expect(givesUp).rejects.toMatchObject({ name: 'ProblemError', status: 412 })
    let asked = 0
    const never = meanwhile({ title: 'c' }, { title: 'd' }, {
      resolve: async ({ mine }: Conflict<unknown>) => {
        await server.change({ title: `${asked++}` })
        return mine
      },
    } as never)
    await expect(never).rejects.toMatchObject({ status: 412 })
    expect(asked).toBe(4)
  })

  test('a lost answer: the change is not made twice, and found to have been made', async () => {
    const client = createClient({ fetch: losing('PUT') })
    const { value } = await client.update<Doc>(server.url, (note) => ({ ...note, n: Number(note.n ?? 0) + 1 }))
    expect(value).toMatchObject({ n: 1 })
    expect(await server.stored()).toMatchObject({ n: 1 })
  })

  test('a lost answer, and a change on top of it: nobody counts twice, and nobody says it failed', async () => {
    let calls = 0
    const send = losing('PUT')
    const client = createClient({
      fetch: (url, init) =>
        send(url, init).catch(async (error) => {
          await server.change({ title: 'theirs' })
          throw error
        }),
    })
    const counting = client.update<Doc>(server.url, (note) => {
      calls++
      return { ...note, n: Number(note.n ?? 0) + 1 }
    })
    await expect(counting).rejects.toMatchObject({ problem: { code: 'outcome_unknown' } })
    expect(calls).toBe(1)
    expect(await server.stored()).toMatchObject({ n: 1, title: 'theirs' })
  })

  test('twenty at once lose no count', async () => {
    // Who it was is part of the value: two who store the same are one change to a server that forgives repetitions.
    const count = (by: number) =>
      createClient({ tries: 100 }).update<Doc>(server.url, (note) => ({ ...note, n: Number(note.n ?? 0) + 1, by }))
    await Promise.all(Array.from({ length: 20 }, (_, by) => count(by)))
    expect(await server.stored()).toMatchObject({ n: 20 })
  })
})

test('what is gone is said to be gone', async () => {
  const server = await ourServer()
  const error: unknown = await createClient()
    .update(`${server.url}0`, () => ({}))
    .catch((error) => error)
  expect(isProblemError(error) && error.problem).toMatchObject({ code: 'not_found', status: 404 })
  await server.close()
})

test.each([
  ['by default: both count', {}, 2],
  ["with alreadyApplied: ['PUT']: one change", { alreadyApplied: ['PUT'] as const }, 1],
])('two who make the same value of the same state, %s', async (_, options, end) => {
  const server = await ourServer({ id: '1', n: 0 }, options)
  let reads = 0
  let release = () => {}
  const bothHaveRead = new Promise<void>((resolve) => {
    release = resolve
  })
  const count = () =>
    createClient().update<Doc>(server.url, async (note) => {
      reads += 1
      if (reads === 2) release()
      await bothHaveRead
      return { ...note, n: Number(note.n) + 1 }
    })
  try {
    await Promise.all([count(), count()])
    expect(await server.stored()).toEqual({ id: '1', n: end })
  } finally {
    // What stays open keeps jest from ending when this fails.
    await server.close()
  }
})
