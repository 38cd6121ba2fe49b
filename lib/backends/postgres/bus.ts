import type { BusListener, MessageBus } from '../../contracts/bus'
import { storeFault } from '../../contracts/store-fault'
import { anything, checkOptions, type Expectation, milliseconds } from '../../options'
import { withDeadline } from '../../timing/deadline'
import { pollingMs } from '../../timing/pause'

/** The part of a `pg` connection that is used. */
export interface PostgresBusClient {
  query(text: string): Promise<unknown>
  on(event: 'notification', listener: (message: { channel: string; payload?: string | undefined }) => void): unknown
  on(event: 'error' | 'end', listener: (error?: Error) => void): unknown
  /** Called with `true`: the connection must not be used again. */
  release(destroy: boolean): void
}

/** Where messages go, and how long a statement may take. */
export interface PostgresBusOptions {
  /**
   * A pool of `pg` that connects to the server itself, because LISTEN needs a session. One connection is taken from it
   * while somebody listens.
   */
  readonly pool: {
    connect(): Promise<PostgresBusClient>
    query(text: string, values: string[]): Promise<unknown>
  }
  /** The channel of NOTIFY. Default: 'express_conflict_changes'. */
  readonly channel?: string
  /** How long a statement may take before the connection is given up. Default: 2000 ms. */
  readonly deadlineMs?: number
}

const WHO = 'postgresBus()'
const aChannel: Expectation = {
  holds: (value) => typeof value === 'string' && /^[A-Za-z_]\w{0,62}$/.test(value),
  what: 'letters, digits and underscores, 63 at most',
}
/** How often a connection is probed: one that a firewall has dropped says nothing by itself. */
const PROBE_MS = 15_000
/** How long to wait before a lost connection is opened again. */
const RETRY_MS = 1000

/**
 * Carries messages over LISTEN and NOTIFY. The server stores none for absent listeners. After a lost connection,
 * `onGap` is called, because messages may have been missed.
 */
export function postgresBus(options: PostgresBusOptions): MessageBus {
  checkOptions(WHO, options, { pool: anything, channel: aChannel, deadlineMs: milliseconds })
  const { pool, channel = 'express_conflict_changes', deadlineMs = 2000 } = options
  if (typeof pool?.connect !== 'function' || typeof pool.query !== 'function')
    throw new TypeError(`${WHO}: pool is no pool of pg.`)
  const late = () => new Error(`PostgreSQL gave no answer within deadlineMs (${deadlineMs})`)
  const inTime = <R>(answer: Promise<R>): Promise<R> =>
    withDeadline(answer, deadlineMs, late).catch((cause: unknown) => {
      throw storeFault(cause, { applied: 'unknown' })
    })

  /** Listens on a connection of its own, until that is lost or ended. */
  async function listen({ onMessage }: BusListener, onLost: () => void): Promise<() => void> {
    const connecting = pool.connect()
    const client = await inTime(connecting).catch((error) => {
      // The connection may still be made, and nobody else would give it back.
      connecting.then(
        (late) => late.release(true),
        () => {},
      )
      throw error
    })
    let isOver = false
    const end = () => {
      if (isOver) return
      isOver = true
      clearInterval(probe)
      client.release(true)
    }
    const lose = () => {
      if (isOver) return
      end()
      onLost()
    }
    client.on('error', lose)
    client.on('end', lose)
    client.on('notification', ({ channel: name, payload = '' }) => {
      if (name === channel && !isOver) onMessage(payload)
    })
    const probe = setInterval(() => void inTime(client.query('select 1')).catch(lose), PROBE_MS).unref()
    try {
      await inTime(client.query(`listen "${channel}"`))
    } catch (error) {
      end()
      throw error
    }
    return end
  }

  return {
    async publish(text) {
      await inTime(pool.query('select pg_notify($1, $2)', [channel, text]))
    },

    async subscribe(listener) {
      let isOver = false
      let end: () => void = () => {}
      const again = () => {
        const connect = async () => {
          if (isOver) return
          end = await listen(listener, again)
          if (isOver) end()
          else listener.onGap()
        }
        setTimeout(() => void connect().catch(again), pollingMs(RETRY_MS)).unref()
      }
      end = await listen(listener, again)
      return async () => {
        isOver = true
        end()
      }
    },
  }
}
