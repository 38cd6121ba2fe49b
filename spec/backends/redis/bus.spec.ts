import { EventEmitter } from 'node:events'
import { redisBus } from '../../../lib/backends/redis'

/** A client whose connection says what the test has it say. */
class Subscriber extends EventEmitter {
  closes = 0
  async subscribe() {}
  disconnect() {
    this.closes += 1
  }
}

async function listening() {
  const subscriber = new Subscriber()
  const told: string[] = []
  const bus = redisBus({ client: { publish: async () => 1, duplicate: () => subscriber }, channel: 'c' })
  const end = await bus.subscribe({ onMessage: (text) => void told.push(text), onGap: () => void told.push('gap') })
  return { subscriber, told, end }
}

test('a message that was on its way when its listener ended is not told', async () => {
  const { subscriber, told, end } = await listening()
  subscriber.emit('message', 'c', 'before')
  await end()
  subscriber.emit('message', 'c', 'after')
  expect(told).toEqual(['before'])
})

test('a client that connects again behind the end is closed again', async () => {
  const { subscriber, told, end } = await listening()
  await end()
  subscriber.emit('ready')
  await new Promise(setImmediate)
  expect([subscriber.closes, told]).toEqual([2, []])
})

test('a connection that is there again is a gap', async () => {
  const { subscriber, told } = await listening()
  subscriber.emit('ready')
  await new Promise(setImmediate)
  expect(told).toEqual(['gap'])
})
