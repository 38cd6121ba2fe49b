import type { Server } from 'node:net'
import request from 'supertest'
import { type ChangeStream, changeStream, commitChange, detectConflicts, type MessageBus } from '../../lib'
import type { BusListener } from '../../lib/contracts/bus'
import { appOf, type Doc, shelf } from './app'
import { type Stream, watch } from './stream'

const ends: (() => unknown)[] = []
afterEach(async () => {
  jest.useRealTimers()
  for (const end of ends.splice(0).reverse()) await end()
})

/** What a service does for all who are connected to it, and that it can be down. */
function service() {
  const listeners = new Set<BusListener>()
  const sent: string[] = []
  let isDown = false
  const bus = (): MessageBus => ({
    async publish(text) {
      if (isDown) throw new Error('down')
      sent.push(text)
      for (const { onMessage } of listeners) onMessage(text)
    },
    async subscribe(listener) {
      if (isDown) throw new Error('down')
      listeners.add(listener)
      return async () => void listeners.delete(listener)
    },
  })
  const gap = () => {
    for (const { onGap } of listeners) onGap()
  }
  const down = (is: boolean) => {
    isDown = is
  }
  return { bus, sent, listeners, gap, down }
}

/** Two processes of one app over one database. */
async function processes() {
  const [it, shared] = [await shelf(), service()]
  const open = (): { server: Server; changes: ChangeStream } => {
    // A definition of its own, as another process has one.
    const article = { name: 'article', adapter: { ...it.adapter } }
    const changes = changeStream<Doc>(article, { bus: shared.bus() })
    const app = appOf((all) => {
      all.get('/articles/:id/changes', changes)
      all.put('/articles/:id', detectConflicts<Doc>(article), commitChange())
    })
    const server = app.listen(0)
    ends.push(() => new Promise((resolve) => server.close(resolve)))
    ends.push(() => changes.stop())
    return { server, changes }
  }
  const streams: Stream[] = []
  ends.push(() => {
    for (const stream of streams) stream.leave()
  })
  const look = async ({ server }: { server: Server }) => {
    const stream = await watch(server, '/articles/1/changes')
    streams.push(stream)
    await stream.next()
    return stream
  }
  const save = async ({ server }: { server: Server }, value: Doc) =>
    (await request(server).put('/articles/1').set('If-Match', '*').send(value).expect(200)).headers.etag
  return { ...it, ...shared, one: open(), other: open(), look, save }
}

test('what one process commits, the clients of the other are told; the key is not on the bus', async () => {
  const { one, other, look, save, sent } = await processes()
  const [here, there] = [await look(one), await look(other)]
  const tag = await save(one, { title: 'second' })
  expect([(await here.next()).data.etag, (await there.next()).data.etag]).toEqual([tag, tag])
  // Two processes of the story run in one of Node's, so that each hears the commits of both.
  expect(sent).toEqual([expect.stringMatching(/^[\w-]{43}$/), sent[0]])
})

test('what was missed while the bus was away is told after a gap', async () => {
  const { one, other, look, change, gap } = await processes()
  const [here, there] = [await look(one), await look(other)]
  const tag = await change({ title: 'nobody heard of it' })
  gap()
  expect([(await here.next()).data.etag, (await there.next()).data.etag]).toEqual([tag, tag])
})

test('a bus that is down delays no commit, and is told of what happened when it is there again', async () => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'performance', 'Date', 'queueMicrotask'] })
  const { one, look, save, down, sent } = await processes()
  const here = await look(one)
  down(true)
  const tag = await save(one, { title: 'second' })
  expect((await here.next()).data.etag).toBe(tag)
  down(false)
  while (!sent.includes('*')) await jest.advanceTimersByTimeAsync(500)
  // Nothing else: '*' stands for all that happened meanwhile.
  expect(new Set(sent)).toEqual(new Set(['*']))
})

test('nobody watches what they would not hear of: 503 while the bus is down', async () => {
  const { one, look, down } = await processes()
  const logged = jest.spyOn(console, 'error').mockImplementation(() => undefined)
  down(true)
  const { body } = await request(one.server).get('/articles/1/changes').expect(503)
  expect(body.code).toBe('backend_unavailable')
  logged.mockRestore()
  down(false)
  await look(one)
})

test('stop listens no more', async () => {
  const { one, other, look, listeners } = await processes()
  await look(one)
  await look(other)
  expect(listeners.size).toBe(2)
  one.changes.stop()
  other.changes.stop()
  await new Promise(setImmediate)
  expect(listeners.size).toBe(0)
})

test.each([{}, 'redis', { publish() {} }])('what is no bus is refused at start-up: %j', (bus) => {
  const make = () => changeStream<Doc>({ name: 'article', adapter: {} as never }, { bus: bus as never })
  expect(make).toThrow(/changeStream\(\): bus has to be a MessageBus, such as redisBus\(\{ client \}\); got/)
})
