import { pathToFileURL } from 'node:url'
import type { ResourceAdapter } from '../../contracts/adapter'
import type { Lease, LockManager } from '../../contracts/lock'
import type { ExpiringStore } from '../../contracts/store'
import { isStoreFault } from '../../contracts/store-fault'
import { countInTransaction } from '../adapter/isolation'
import { count } from '../adapter/races'
import { able } from '../adapter/trial'
import { countInStore } from '../store/races'

/** The first message to a process. */
export interface Start {
  readonly module: string
  readonly maker: 'makeAdapter' | 'makeManager' | 'makeStore'
  readonly at: unknown
}

/** All later messages. */
export interface Task {
  readonly call: number
  readonly method: string
  readonly args: readonly unknown[]
  readonly startNs: bigint | undefined
}

export interface Reply {
  readonly call: number
  readonly value?: unknown
  readonly error?: { readonly message: string; readonly applied?: 'no' | 'unknown' | undefined }
}

type Methods = Readonly<Record<string, (...args: never[]) => Promise<unknown>>>

/** The calls that a process can make on what the module made. */
const METHODS = {
  makeAdapter(adapter: ResourceAdapter<unknown>): Methods {
    const all = able(adapter)
    return {
      read: all.read,
      write: all.write,
      remove: all.remove,
      count: (trial: Parameters<typeof count>[1]) => count(all, trial),
      countInTransactions: (values: [unknown, unknown, unknown], rounds: number) =>
        repeat(rounds, () => countInTransaction(all, values)),
    }
  },

  makeManager(manager: LockManager): Methods {
    const leases = new Map<number, Lease>()
    return {
      async acquire(key: string, terms: Parameters<LockManager['acquire']>[1]) {
        const lease = await manager.acquire(key, terms)
        if (!lease) return undefined
        const id = leases.size
        leases.set(id, lease)
        return { id, fence: lease.fence }
      },
      isLost: async (id: number) => leases.get(id)?.signal.aborted,
      release: async (id: number) => leases.get(id)?.release(),
    }
  },

  makeStore: (store: ExpiringStore): Methods => ({
    read: (key: string) => store.read(key),
    create: (key: string, value: string, ttlMs: number) => store.create(key, value, ttlMs),
    replace: (key: string, expected: string, value: string, ttlMs: number) =>
      store.replace(key, expected, value, ttlMs),
    remove: (key: string, expected: string) => store.remove(key, expected),
    count: (rounds: number, workers: number) => countInStore(store, rounds, workers),
  }),
} satisfies Record<Start['maker'], (made: never) => Methods>

/** Repeats the work. A serialization failure or a deadlock may reject some of the calls, but never all. */
async function repeat<R>(times: number, work: () => Promise<R>): Promise<R[]> {
  const done: R[] = []
  let reason: unknown
  for (let time = 0; time < times; time++)
    await work().then(
      (result) => done.push(result),
      (error) => (reason = error),
    )
  if (done.length === 0) throw reason
  return done
}

/** Tries `require` first, because a hook of it may compile TypeScript. `import` loads what `require` cannot. */
async function load(path: string): Promise<Record<string, unknown>> {
  try {
    return require(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ERR_REQUIRE_ESM' && code !== 'ERR_REQUIRE_ASYNC_MODULE') throw error
    return import(pathToFileURL(path).href)
  }
}

async function made({ module, maker, at }: Start): Promise<Methods> {
  const { default: all, ...named } = await load(module)
  const make = named[maker] ?? (all as Record<string, unknown> | undefined)?.[maker]
  if (typeof make !== 'function') throw new TypeError(`${module} exports no function ${maker}.`)
  return METHODS[maker]((await make(at)) as never)
}

function start(): void {
  let methods: Promise<Methods> | undefined
  const carryOut = async (message: Start | Task) => {
    if ('maker' in message) {
      methods = made(message)
      return void (await methods)
    }
    const method = (await methods)?.[message.method]
    // All processes wait for the same moment in a loop, without giving up the processor.
    while (message.startNs !== undefined && process.hrtime.bigint() < message.startNs);
    return method?.(...(message.args as never[]))
  }
  process.on('message', (message: (Start | Task) & Pick<Task, 'call'>) => {
    // The parent may have stopped listening.
    const reply = (rest: Omit<Reply, 'call'>) =>
      process.send?.({ ...rest, call: message.call } satisfies Reply, undefined, undefined, () => {})
    carryOut(message).then(
      (value) => reply({ value }),
      (error: unknown) =>
        reply({ error: { message: String(error), applied: isStoreFault(error) ? error.applied : undefined } }),
    )
  })
  process.on('disconnect', () => process.exit())
}

start()
