import express from 'express'
import {
  type ChangeStream,
  changeStream,
  defineResource,
  memoryAdapter,
  resourceRouter,
  respondToConflicts,
} from '../../lib'
import { createClient, type ProblemError, type WatchEvent } from '../../lib/client'
import { type Doc, type Served, serve } from './servers'

const ends: (() => unknown)[] = []
afterEach(async () => {
  jest.restoreAllMocks()
  for (const end of ends.splice(0).reverse()) await end()
})

async function notes(allow?: (req: express.Request) => boolean) {
  const adapter = memoryAdapter<Doc>()
  await adapter.write('1', { title: 'a', body: 'a' }, null)
  const note = defineResource<Doc>({ name: 'note', adapter, ...(allow && { allow }), expose: ({ value }) => value.by })
  const changes: ChangeStream = changeStream(note)
  const app = express()
  app.get('/notes/:id/changes', changes)
  app.use('/notes', resourceRouter(note))
  app.use(respondToConflicts({ logger: { warn: () => {}, error: () => {} } }))
  const server = await serve(app)
  ends.push(server.close)
  return { ...server, adapter, changes }
}

type Watched = ReturnType<typeof inbox>

function inbox() {
  const unread: WatchEvent<Doc>[] = []
  const waiting: ((event: WatchEvent<Doc>) => void)[] = []
  return {
    unread,
    listener(event: WatchEvent<Doc>) {
      const first = waiting.shift()
      if (first) first(event)
      else unread.push(event)
    },
    next: () => {
      const first = unread.shift()
      return first ? Promise.resolve(first) : new Promise<WatchEvent<Doc>>((resolve) => waiting.push(resolve))
    },
  }
}

/** Connected, so that what happens next is told and not found at the beginning. */
async function isWatched({ seen }: Served): Promise<void> {
  while (!seen.some(({ headers }) => headers.accept === 'text/event-stream')) await new Promise(setImmediate)
}

test('what others save is told, with what is exposed; what this client has read or saved is no news', async () => {
  const server = await notes()
  const [mine, other] = [createClient(), createClient()]
  const told: Watched = inbox()
  await mine.get(server.url)
  ends.push(mine.watch(server.url, told.listener))
  await isWatched(server)
  await mine.put(server.url, { title: 'mine' })
  await other.get(server.url)
  const { etag } = await other.put(server.url, { title: 'theirs', by: 'Ben' })
  const event = await told.next()
  expect([event.event, event.etag, event.data.state]).toEqual(['changed', etag, 'Ben'])
  expect(told.unread).toEqual([])
})

test('a read of what is stored now leaves what was remembered: an older change is refused all the same', async () => {
  const server = await notes()
  const [mine, other] = [createClient(), createClient()]
  const told = inbox()
  await mine.get(server.url)
  ends.push(mine.watch(server.url, told.listener))
  await other.get(server.url)
  await other.put(server.url, { title: 'theirs' })
  expect((await (await told.next()).read()).value).toEqual({ title: 'theirs' })
  const refusal = await mine.put(server.url, { title: 'mine' }).catch((error: ProblemError) => error)
  expect((refusal as ProblemError).status).toBe(412)
})

test('merge puts a change on top of theirs, and says where it cannot', async () => {
  const server = await notes()
  const [mine, other] = [createClient(), createClient()]
  const told = inbox()
  const from = await mine.get<Doc>(server.url)
  ends.push(mine.watch(server.url, told.listener, { from }))
  await other.get(server.url)
  await other.put(server.url, { title: 'theirs', body: 'a' })
  const event = await told.next()
  const both = await event.merge({ title: 'mine', body: 'a' })
  expect([both.value, both.conflicts]).toEqual([undefined, ['/title']])
  const { value, conflicts, theirs } = await event.merge({ title: 'a', body: 'mine' })
  expect([value, conflicts]).toEqual([{ title: 'theirs', body: 'mine' }, []])
  await mine.put(server.url, value, { from: theirs })
  expect((await server.adapter.read('1'))?.value).toEqual({ title: 'theirs', body: 'mine' })
})

test('a connection that is lost is made again, and what was missed is told', async () => {
  jest.spyOn(Math, 'random').mockReturnValue(0)
  const server = await notes()
  const client = createClient()
  const told = inbox()
  await client.get(server.url)
  let cut: () => void = () => {}
  server.takeNext('GET', (_req, res) => {
    res.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(':\n\n')
    cut = () => res.destroy()
  })
  server.takeNext('GET', (_req, res) => void res.writeHead(503, { 'Retry-After': '0' }).end())
  ends.push(client.watch(server.url, told.listener))
  await isWatched(server)
  await server.adapter.write('1', { title: 'missed' }, (await server.adapter.read('1'))?.version ?? '')
  cut()
  const { etag } = await told.next()
  expect(etag).toBe(`"${(await server.adapter.read('1'))?.version}"`)
})

test('a removal is told, and ends it', async () => {
  const server = await notes()
  const [mine, other] = [createClient(), createClient()]
  const told = inbox()
  await mine.get(server.url)
  mine.watch(server.url, told.listener)
  await isWatched(server)
  await other.get(server.url)
  await other.delete(server.url)
  expect((await told.next()).event).toBe('removed')
})

test('one that is not there is told as removed', async () => {
  const server = await notes()
  const told = inbox()
  createClient().watch(`${server.collection}/2`, told.listener)
  expect((await told.next()).event).toBe('removed')
})

test('a client that may not watch is told so, once', async () => {
  const server = await notes(() => false)
  const refused = await new Promise<ProblemError>((onRefused) =>
    createClient().watch(server.url, () => {}, { onRefused }),
  )
  expect([refused.status, refused.problem.code]).toEqual([403, 'denied'])
  expect(server.seen.length).toBe(1)
})

test('who ends it closes the connection', async () => {
  const server = await notes()
  const left = new Promise<void>((resolve) => {
    server.takeNext('GET', (_req, res) => res.on('close', resolve).writeHead(200).write(':\n\n'))
  })
  const end = createClient().watch(server.url, () => {})
  await isWatched(server)
  end()
  await left
  expect(server.seen.length).toBe(1)
})

test('the headers of the client and of the call go along, and another address is taken', async () => {
  const server = await notes()
  const client = createClient({ baseUrl: server.collection, headers: { User: 'ann' } })
  ends.push(client.watch('1', () => {}, { at: '1/changes?x=1', headers: { Role: 'editor' } }))
  await isWatched(server)
  expect(server.seen[0]?.headers).toMatchObject({ user: 'ann', role: 'editor' })
})
