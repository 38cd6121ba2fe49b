import type { MessageBus } from '../../contracts/bus'
import { anything, aText, checkOptions, milliseconds } from '../../options'
import { withDeadline } from '../../timing/deadline'
import { redisFault } from './scripts'

/** The part of an ioredis client that is used. */
export interface IoredisPublisher {
  publish(channel: string, text: string): Promise<unknown>
  duplicate(): IoredisSubscriber
}

/** An ioredis client that only listens. */
export interface IoredisSubscriber {
  subscribe(channel: string): Promise<unknown>
  on(event: 'message', listener: (channel: string, text: string) => void): unknown
  on(event: 'ready' | 'error', listener: (error?: unknown) => void): unknown
  disconnect(): void
}

/** The part of a node-redis client that is used. */
export interface NodeRedisPublisher {
  publish(channel: string, text: string): Promise<unknown>
  duplicate(): NodeRedisSubscriber
}

/** A node-redis client that only listens. */
export interface NodeRedisSubscriber {
  connect(): Promise<unknown>
  subscribe(channel: string, listener: (text: string) => void): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  on(event: 'ready' | 'error', listener: (error?: unknown) => void): unknown
  destroy(): void
}

/** Where messages go, and how long a command may take. */
export interface RedisBusOptions {
  /**
   * A connected client of ioredis or node-redis. The app owns it. To listen, Redis requires another connection, which
   * is a `duplicate` of the client.
   */
  readonly client: IoredisPublisher | NodeRedisPublisher
  /** The channel. Default: 'express-conflict:changes'. */
  readonly channel?: string
  /** How long a command may take before Redis counts as down. Default: 2000 ms. */
  readonly deadlineMs?: number
}

const WHO = 'redisBus()'

/**
 * Carries messages over Redis pub/sub, which stores none. After a lost connection, `onGap` is called, because messages
 * may have been missed.
 */
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
      // The client reconnects by itself. Without a listener, its errors would end the process.
      subscriber.on('error', () => {})
      subscriber.on('ready', () => {
        // If node-redis is closed while it connects, it connects all the same.
        if (isClosed) return close()
        // The client has sent its commands to listen again before this one. When this one is answered, they were
        // answered too.
        if (isListening)
          proveListening().then(
            () => onGap(),
            () => {},
          )
      })
      // A message may still arrive after the subscription has ended.
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
