import { AsyncLocalStorage } from 'node:async_hooks'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Duplex } from 'node:stream'
import { setTimeout as realTimeout } from 'node:timers'
import express, { type Express } from 'express'
import type { Scheduler } from 'fast-check'
import {
  detectConflicts,
  type ExpiringStore,
  type LockManager,
  memoryAdapter,
  memoryStore,
  type ResourceAdapter,
  resourceOf,
  respondToConflicts,
  storeFault,
} from '../../lib'

/** One request: which key and condition it carries, where it crashes, and which answer of a back end gets lost. */
export interface Plan {
  readonly key: 'none' | 'a' | 'b'
  readonly condition: 'none' | 'first version'
  /** The number of the step at which its process stops; no step of it is taken after that. */
  readonly crashAt: number | undefined
  /** The number of the step that is carried out, and whose answer nobody hears. */
  readonly lostAt: number | undefined
}

export interface Scene {
  readonly plans: readonly Plan[]
  readonly isolation: 'compare-and-swap' | 'lock'
  /** How many times the clock goes past a lease, each at a moment of its own. */
  readonly clockSteps: number
}

export interface Ledger {
  /** The requests that were carried out, in the order of their commits. */
  readonly log: readonly number[]
  readonly count: number
}

export interface Outcome {
  readonly status: number | undefined
  readonly code: string | undefined
  readonly isReplay: boolean
  readonly text: string
}

export interface BackEnds {
  readonly adapter: ResourceAdapter<Ledger>
  readonly store: ExpiringStore
  readonly locks: LockManager
}

/** A way to break the back ends; the simulation has to find out. `advance` moves the clock of the store. */
export type Flaw = (backEnds: BackEnds, tools: { readonly step: Step; readonly now: () => number }) => BackEnds
export type Step = (what: string) => Promise<void>

// In real time nothing runs out: a timer would take steps that the scheduler did not choose.
const NEVER_MS = 2 ** 31 - 1
const LEASE_MS = 1_000_000_000
const TTL_MS = 100 * LEASE_MS

/** What belongs to one request of one simulation, wherever its code is at the moment. */
interface Actor {
  readonly id: number
  readonly plan: Plan
  readonly scheduler: Scheduler
  readonly backEnds: BackEnds
  readonly locked: { inside: number; most: number }
  steps: number
}

const actors = new AsyncLocalStorage<Actor>()

async function step(what: string): Promise<void> {
  const me = actors.getStore()
  if (me === undefined) return
  const nth = ++me.steps
  await me.scheduler.schedule(Promise.resolve(), `${me.id}.${nth} ${what}`)
  if (me.plan.crashAt !== undefined && nth >= me.plan.crashAt) await new Promise(() => {})
}

/** The call is one atomic step; the answer arrives with the next one. */
function stepwise<A extends unknown[], R>(what: string, call: (backEnds: BackEnds) => (...args: A) => Promise<R>) {
  return async (...args: A): Promise<R> => {
    const me = actors.getStore()
    if (me === undefined) throw new Error(`${what}: nobody is at work here.`)
    await step(what)
    const isLost = me.plan.lostAt === me.steps
    const result = await call(me.backEnds)(...args)
    await step(`answer to ${what}`)
    if (isLost) throw storeFault(new Error('lost'), { applied: what === 'read' ? 'no' : 'unknown' })
    return result
  }
}

/** A process of its own for each request of a simulation: what requests of one process share is not shared. */
function processOf(isolation: Scene['isolation']): Express {
  const adapter: ResourceAdapter<Ledger> = {
    read: stepwise('read', (backEnds) => backEnds.adapter.read),
    write: stepwise('write', ({ adapter: { write } }) => write as NonNullable<typeof write>),
  }
  const store: ExpiringStore = {
    read: stepwise('look up', (backEnds) => backEnds.store.read),
    create: stepwise('claim', (backEnds) => backEnds.store.create),
    replace: stepwise('replace', (backEnds) => backEnds.store.replace),
    remove: stepwise('release', (backEnds) => backEnds.store.remove),
  }
  const manager: LockManager = {
    async acquire(key, terms) {
      await step('lock')
      const { backEnds, locked } = actors.getStore() as Actor
      const lease = await backEnds.locks.acquire(key, terms)
      if (!lease) return undefined
      locked.inside += 1
      locked.most = Math.max(locked.most, locked.inside)
      return {
        signal: lease.signal,
        async release() {
          locked.inside -= 1
          await lease.release()
        },
      }
    },
  }
  const app = express()
  const chain = detectConflicts<Ledger>({
    name: 'ledger',
    adapter,
    deadlineMs: NEVER_MS,
    preconditions: { required: false },
    idempotency: { store, scope: () => 'all', leaseMs: LEASE_MS, ttlMs: TTL_MS, fingerprint: () => 'same' },
    ...(isolation === 'lock' && { isolation, lock: { manager, maxHoldMs: NEVER_MS } }),
  })
  app.post('/ledgers/:id', chain, (req, res, next) => {
    const { id } = actors.getStore() as Actor
    resourceOf(req, chain)
      .commit((current) => ({ log: [...(current?.log ?? []), id], count: (current?.count ?? 0) + 1 }))
      .then(() => res.status(200).json({ by: id }), next)
  })
  app.use(respondToConflicts({ logger: { warn: () => undefined, error: () => undefined } }))
  return app
}

const PROCESSES = {
  'compare-and-swap': [1, 2, 3].map(() => processOf('compare-and-swap')),
  lock: [1, 2, 3].map(() => processOf('lock')),
}

let simulations = 0

/** Runs the requests, every step of theirs in an order that the scheduler chooses. */
export async function simulate(scheduler: Scheduler, scene: Scene, flaw: Flaw = (whole) => whole) {
  let now = 0
  // The processes go on from simulation to simulation, each with a resource of its own.
  const key = String(++simulations)
  const inner = memoryAdapter<Ledger>()
  const first = await inner.write(key, { log: [], count: 0 }, null)
  const records = memoryStore({ now: () => now })
  const backEnds = flaw({ adapter: inner, store: records, locks: locksOf() }, { step, now: () => now })
  const locked = { inside: 0, most: 0 }
  const tag = first.ok ? `"${first.state.version}"` : ''
  const outcomes: (Outcome | undefined)[] = scene.plans.map(() => undefined)
  for (const [id, plan] of scene.plans.entries()) {
    const app = PROCESSES[scene.isolation][id] as Express
    actors.run({ id, plan, scheduler, backEnds, locked, steps: 0 }, () =>
      send(app, `/ledgers/${key}`, headersOf(plan, tag), (outcome) => {
        outcomes[id] = outcome
      }),
    )
  }
  for (let times = 0; times < scene.clockSteps; times++)
    void scheduler.schedule(Promise.resolve(), 'clock').then(() => {
      now += LEASE_MS + 1
    })
  const isStopped = scene.isolation === 'lock' && scene.plans.some(({ crashAt }) => crashAt !== undefined)
  const isAtWork = () =>
    !isStopped && scene.plans.some(({ crashAt }, id) => outcomes[id] === undefined && crashAt === undefined)
  await settled()
  for (let turns = 0; turns < 2000; turns++) {
    if (scheduler.count() === 0 && !(await moreComes(scheduler, isAtWork))) break
    await scheduler.waitOne()
    await settled()
  }
  const stored = (await inner.read(key))?.value ?? { log: [], count: 0 }
  return { outcomes, stored, mostInside: locked.most }
}

/** Promises and ticks that a step has set off are done before the next step is chosen. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A pause of the code under test is real time: it is short, and waited for as long as somebody is at work. */
async function moreComes(scheduler: Scheduler, isAtWork: () => boolean): Promise<boolean> {
  for (let turn = 0; turn < 3; turn++) {
    await settled()
    if (scheduler.count() > 0) return true
  }
  for (let ms = 0; ms < 40 && isAtWork(); ms += 2) {
    await new Promise((resolve) => realTimeout(resolve, 2))
    if (scheduler.count() > 0) return true
  }
  return false
}

function headersOf({ key, condition }: Plan, tag: string): Record<string, string> {
  return {
    ...(key !== 'none' && { 'idempotency-key': `"${key}"` }),
    ...(condition === 'first version' && { 'if-match': tag }),
  }
}

/** Locks without a timer, handed on in order. */
function locksOf(): LockManager {
  const held = new Map<string, (() => void)[]>()
  return {
    async acquire(key) {
      const waiting = held.get(key)
      if (waiting) await new Promise<void>((resolve) => waiting.push(resolve))
      else held.set(key, [])
      let isOver = false
      return {
        signal: new AbortController().signal,
        async release() {
          if (isOver) return
          isOver = true
          const next = held.get(key)?.shift()
          if (next) next()
          else held.delete(key)
        },
      }
    },
  }
}

/** A request without a socket. */
function send(app: Express, url: string, headers: Record<string, string>, answered: (outcome: Outcome) => void): void {
  const chunks: Buffer[] = []
  const socket = new Duplex({
    read() {},
    write(chunk, _encoding, done) {
      chunks.push(Buffer.from(chunk))
      done()
    },
  })
  const req = new IncomingMessage(socket as never)
  Object.assign(req, {
    method: 'POST',
    url,
    headers,
    httpVersion: '1.1',
    httpVersionMajor: 1,
    httpVersionMinor: 1,
  })
  req.rawHeaders = Object.entries(headers).flat()
  req.push(null)
  const res = new ServerResponse(req)
  res.assignSocket(socket as never)
  res.once('finish', () => {
    const text = Buffer.concat(chunks).toString()
    const body = text.slice(text.indexOf('\r\n\r\n') + 4)
    const json = body.startsWith('{') ? (JSON.parse(body) as { code?: string }) : {}
    answered({
      status: res.statusCode,
      code: json.code,
      isReplay: res.getHeader('Idempotency-Replayed') === 'true',
      text: body,
    })
  })
  ;(app as unknown as (req: IncomingMessage, res: ServerResponse) => void)(req, res)
}
