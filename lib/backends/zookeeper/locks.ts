import { sha256 } from '../../json/sha256'
import { anything, checkOptions, milliseconds } from '../../options'
import { withDeadline } from '../../timing/deadline'
import { sleeper } from '../../timing/pause'
import { type HeldLease, holdLease } from '../leases/lease'
import { type ConnectedLocks, connectedLocks, type Session, type Terms } from '../leases/session'

type Answer<R> = (error: unknown, result: R) => void

/** The part of a `node-zookeeper-client` client that is used. */
export interface ZookeeperLockClient {
  connect(): void
  close(): void
  on(event: 'connected' | 'expired', listener: () => void): unknown
  getSessionTimeout(): number
  mkdirp(path: string, done: Answer<string>): void
  create(path: string, mode: number, done: Answer<string>): void
  remove(path: string, done: Answer<void>): void
  exists(path: string, done: Answer<{ czxid: Buffer } | null>): void
  getData(path: string, watcher: () => void, done: Answer<unknown>): void
  getChildren(path: string, done: Answer<string[]>): void
}

/** Where the locks are, and how long a call may take. */
export interface ZookeeperLocksOptions {
  /** Creates a client that is not connected yet. Called again after a session has expired. */
  readonly createClient: () => ZookeeperLockClient
  /**
   * The node under which locks are. Default: '/express-conflict'. This node stays; the others are removed when nobody
   * holds or wants them.
   */
  readonly root?: string
  /** How long a call may take before the session is given up. Default: 2000 ms. */
  readonly deadlineMs?: number
}

const PERSISTENT = 0
const EPHEMERAL_SEQUENTIAL = 3
const NO_NODE = -101
const NODE_EXISTS = -110
const NOT_EMPTY = -111

/**
 * Locks in ZooKeeper, granted in the order of the requests, for every process that uses the root. A waiter watches only
 * the node in front of it. All locks of a manager are held by one session, and end with it.
 */
export function zookeeperLocks(options: ZookeeperLocksOptions): ConnectedLocks {
  checkOptions('zookeeperLocks()', options, { createClient: anything, root: anything, deadlineMs: milliseconds })
  const { createClient, root = '/express-conflict', deadlineMs = 2000 } = options
  if (typeof createClient !== 'function') {
    throw new TypeError('zookeeperLocks(): createClient is no function; it makes a client of node-zookeeper-client.')
  }
  if (!/^(\/[^/]+)+$/.test(root)) {
    throw new TypeError(`zookeeperLocks(): root is ${JSON.stringify(root)}; give a path such as '/my-app/locks'.`)
  }
  return connectedLocks(
    (onEnd) => openSession(createClient(), root, deadlineMs, onEnd),
    (key) => `${root}/${sha256(key, 'hex')}`,
  )
}

async function openSession(
  client: ZookeeperLockClient,
  root: string,
  deadlineMs: number,
  onEnd: () => void,
): Promise<Session> {
  const held = new Set<HeldLease>()
  const waiters = new Set<() => void>()
  let ended: Error | undefined

  function end(reason: Error): void {
    if (ended) return
    ended = reason
    client.close()
    onEnd()
    for (const wake of waiters) wake()
    for (const each of held) each.lose(reason)
  }

  function ask<R>(send: (done: Answer<R>) => void): Promise<R> {
    const answer = new Promise<R>((resolve, reject) => {
      send((error, result) => (error ? reject(error) : resolve(result)))
    })
    return withDeadline(answer, deadlineMs, () => new Error(`no answer within deadlineMs (${deadlineMs})`))
  }

  /**
   * After an error it is unknown what was done. Ending the session undoes it, because all nodes of the queue are
   * ephemeral.
   */
  const settled = <R>(work: Promise<R>): Promise<R> =>
    work.catch((error: Error) => {
      end(error)
      throw error
    })

  /** Joins the queue of a lock. The calls are sent together, and a session keeps their order. */
  async function join(lane: string): Promise<string> {
    for (;;) {
      const [, node] = await Promise.all([
        unless(
          [NODE_EXISTS],
          ask<string>((done) => client.create(lane, PERSISTENT, done)),
        ),
        unless(
          [NO_NODE],
          ask<string>((done) => client.create(`${lane}/n-`, EPHEMERAL_SEQUENTIAL, done)),
        ),
      ])
      // The last client in the queue removed the lane in between.
      if (node !== undefined) return node
    }
  }

  async function leave(lane: string, node: string): Promise<void> {
    if (ended) return
    await Promise.all([
      unless(
        [NO_NODE],
        ask<void>((done) => client.remove(node, done)),
      ),
      unless(
        [NO_NODE, NOT_EMPTY],
        ask<void>((done) => client.remove(lane, done)),
      ),
    ])
  }

  /** The node in front; `undefined` if there is none. */
  async function inFrontOf(lane: string, node: string): Promise<string | undefined> {
    const queue = (await ask<string[]>((done) => client.getChildren(lane, done))).sort()
    const place = queue.indexOf(node.slice(lane.length + 1))
    if (place < 0) throw new Error(`${node} is gone`)
    return place === 0 ? undefined : `${lane}/${queue[place - 1]}`
  }

  /** Uses `getData`, because a watch that `exists` sets on a missing node would stay for ever. */
  async function isThere(node: string, watcher: () => void): Promise<boolean> {
    const read = ask<unknown>((done) => client.getData(node, watcher, (error) => done(error, true)))
    return (await unless([NO_NODE], read)) !== undefined
  }

  /** Waits for our turn; `false` if it does not come in time. */
  async function wait(lane: string, node: string, until: number, signal: AbortSignal | undefined): Promise<boolean> {
    for (let front = await inFrontOf(lane, node); front !== undefined; front = await inFrontOf(lane, node)) {
      const leftMs = until - performance.now()
      if (leftMs <= 0 || signal?.aborted) return false
      const turn = sleeper(leftMs, signal)
      waiters.add(turn.wake)
      try {
        if (await isThere(front, turn.wake)) await turn.woken
      } finally {
        waiters.delete(turn.wake)
        turn.wake()
      }
      if (ended) throw ended
    }
    return !signal?.aborted
  }

  async function take(lane: string, terms: Terms): Promise<HeldLease | undefined> {
    const until = performance.now() + terms.waitMs
    const node = await settled(join(lane))
    if (!(await settled(wait(lane, node, until, terms.signal)))) {
      await settled(leave(lane, node))
      return undefined
    }
    const askedAt = performance.now()
    const seen = await settled(ask<{ czxid: Buffer } | null>((done) => client.exists(node, done)))
    if (!seen || ended) throw ended ?? new Error(`${node} is gone`)
    // A session expires after its time-out without a call, so a lease cannot be longer than that.
    const leaseMs = Math.min(terms.leaseMs, client.getSessionTimeout())
    const renew = async () => (await ask<unknown>((done) => client.exists(node, done))) !== null
    const free = () => settled(leave(lane, node))
    const lease = holdLease(
      { fence: String(seen.czxid.readBigUInt64BE()), askedAt, free, renew },
      { ...terms, leaseMs },
      () => held.delete(lease),
    )
    held.add(lease)
    return lease
  }

  const connected = new Promise<void>((resolve) => client.on('connected', resolve))
  client.on('expired', () => end(new Error('the session of ZooKeeper has expired')))
  client.connect()
  await settled(
    withDeadline(connected, deadlineMs, () => new Error(`ZooKeeper was not reached within deadlineMs (${deadlineMs})`)),
  )
  await settled(ask<string>((done) => client.mkdirp(root, done)))
  return { take, end }
}

async function unless<R>(codes: readonly number[], work: Promise<R>): Promise<R | undefined> {
  return work.catch((error: { code?: number }) => {
    if (codes.includes(error.code ?? 0)) return undefined
    throw error
  })
}
