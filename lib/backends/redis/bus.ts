import type { MessageBus } from '../../contracts/bus'
import { anything, aText, checkOptions, milliseconds } from '../../options'
import { withDeadline } from '../../timing/deadline'
import { redisFault } from './scripts'

/** What is used of a client of ioredis. */
export interface IoredisPublisher {
  publish(channel: string, text: string): Promise<unknown>
  duplicate(): IoredisSubscriber
}

/** A client of ioredis that only listens. */
export interface IoredisSubscriber {
  subscribe(channel: string): Promise<unknown>
  on(event: 'message', listener: (channel: string, text: string) => void): unknown
  on(event: 'ready' | 'error', listener: (error?: unknown) => void): unknown
  disconnect(): void
}

/** What is used of a client of node-redis. */
export interface NodeRedisPublisher {
  publish(channel: string, text: string): Promise<unknown>
  duplicate(): NodeRedisSubscriber
}

/** A client of node-redis that only listens. */
export interface NodeRedisSubscriber {
  connect(): Promise<unknown>
  subscribe(channel: string, listener: (text: string) => void): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  on(event: 'ready' | 'error', listener: (error?: unknown) => void): unknown
  destroy(): void
}

/** Where messages go, and how long a command may take. */
export interface RedisBusOptions {
  /** A client of ioredis or node-redis that is connected. The app owns it. A connection of its own is made to listen, as Redis demands. */
  readonly client: IoredisPublisher | NodeRedisPublisher
  /** The channel of Redis; 'express-conflict:changes' if left out. */
  readonly channel?: string
  /** How long a command may take before Redis counts as down; 2 s if left out. */
  readonly deadlineMs?: number
}

const WHO = 'redisBus()'

/** Carries messages by pub/sub of Redis, which keeps none: what is published while a connection is lost is told as a gap. */
export function redisBus(options: RedisBusOptions): MessageBus {
  checkOptions(WHO, options, { client: anything, channel: aText('a non-empty string'), deadlineMs: milliseconds })
  const { client, channel = 'express-conflict:changes', deadlineMs = 2000 } = options
  if (typeof client?.publish !== 'function' || typeof client.duplicate !== 'function')
    throw new TypeError(`${WHO}: client is no client of ioredis or node-redis.`)
  const late = () => new Error(`Redis gave no answer within deadlineMs (${deadlineMs})`)
  const inTime = (answer: Promise<unknown>) =>
    withDeadline(answer, deadlineMs, late).catch((error: unknown) => Promise.reject(redisFault(error, WHO)))

  return {
    async publish(text) {
      await inTime(client.publish(channel, text))
    },

    async subscribe({ onMessage, onGap }) {
      const subscriber = client.duplicate()
      const isNode = 'connect' in subscriber && 'unsubscribe' in subscriber && 'destroy' in subscriber
      let isClosed = false
      const close = () => {
        isClosed = true
        return isNode ? subscriber.destroy() : (subscriber as IoredisSubscriber).disconnect()
      }
      let isListening = false
      // It connects again by itself; without a listener its errors would end the process.
      subscriber.on('error', () => {})
      subscriber.on('ready', () => {
        // node-redis goes on to connect where it was closed while it was at it.
        if (isClosed) return close()
        // When this is answered, whatever the client has sent before to listen again is answered, too.
        if (isListening)
          proveListening().then(
            () => onGap(),
            () => {},
          )
      })
      // A message may be on its way to a listener that has ended.
      const hear = (text: string) => {
        if (!isClosed) onMessage(text)
      }
      const proveListening = async () => {
        if (!isNode) return (subscriber as IoredisSubscriber).subscribe(channel)
        await subscriber.subscribe(`${channel}:again`, hear)
        return subscriber.unsubscribe(`${channel}:again`)
      }
      try {
        if (isNode) {
          await inTime(subscriber.connect())
          await inTime(subscriber.subscribe(channel, hear))
        } else {
          const ioredis = subscriber as IoredisSubscriber
          ioredis.on('message', (_channel, text) => hear(text))
          await inTime(ioredis.subscribe(channel))
        }
      } catch (error) {
        close()
        throw error
      }
      isListening = true
      return async () => {
        isListening = false
        close()
      }
    },
  }
}
