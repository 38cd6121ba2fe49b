import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { storeFault } from '../contracts/store-fault'
import { aFunction, aText, checkOptions, type Expectation, listOf } from '../options'
import type { Reply, Start, Task } from './processes/racer'

/** How other processes reach what is tested. The kit starts them, and ends them after each case. */
export interface Processes {
  /**
   * The absolute path or the `file:` URL of a module that exports a function with the name of the option:
   * `makeAdapter`, `makeManager` or `makeStore`. It must use the same back end as the kit, without emptying it.
   */
  readonly module: string | URL
  /** The argument for that function, any JSON. Called in each case, after the case has made its own instance. */
  readonly at?: () => unknown
  /**
   * Options of Node for these processes, such as `['--import', 'tsx']` for TypeScript. Default: those of this process.
   */
  readonly execArgv?: readonly string[]
}

/** One process of a team. */
export interface Member {
  /**
   * Calls a method in that process. With `startNs` the call begins at that moment of `process.hrtime`, a clock that all
   * processes share.
   */
  call(method: string, args: readonly unknown[], startNs?: bigint): Promise<unknown>
  /** Kills the process, like `kill -9`. */
  kill(): Promise<void>
}

export interface Team {
  readonly members: readonly Member[]
  /** Makes all members call at the same moment. */
  race<R>(call: (member: Member, index: number, startNs: bigint) => Promise<R>): Promise<R[]>
}

export const PROCESSES = 4

/** Races between processes have this many times as many rounds, because chance decides which processes meet. */
export const MORE_ROUNDS = 5

/** How long after a call is sent it begins. By then every process has the call, and waits in a loop for the moment. */
const LINE_UP_NS = 2_000_000n

/** Starts the processes, runs `work` and ends them. `maker` is the name of the module's function. */
export async function inProcesses(
  { module, at, execArgv }: Processes,
  maker: Start['maker'],
  work: (team: Team) => Promise<void>,
): Promise<void> {
  const start: Start = { module: pathOf(module), maker, at: await at?.() }
  const children = Array.from({ length: PROCESSES }, () =>
    // The file stands beside this one, in the package too.
    fork(join(__dirname, 'processes/racer'), {
      ...(execArgv && { execArgv: [...execArgv] }),
      serialization: 'advanced',
    }),
  )
  try {
    const members = await Promise.all(children.map((child) => memberIn(child, start)))
    await work({
      members,
      race(call) {
        const startNs = process.hrtime.bigint() + LINE_UP_NS
        return Promise.all(members.map((member, index) => call(member, index, startNs)))
      },
    })
  } finally {
    await Promise.all(children.map(end))
  }
}

async function memberIn(child: ChildProcess, start: Start): Promise<Member> {
  const waiting = new Map<number, { resolve(value: unknown): void; reject(reason: unknown): void }>()
  let calls = 0
  let ended: Error | undefined
  const give = (task: Start | Omit<Task, 'call'>) =>
    new Promise<unknown>((resolve, reject) => {
      if (ended) return reject(ended)
      calls += 1
      waiting.set(calls, { resolve, reject })
      return child.send({ ...task, call: calls })
    })
  child.on('message', (reply: Reply) => {
    const { resolve, reject } = waiting.get(reply.call) ?? {}
    waiting.delete(reply.call)
    if (reply.error) reject?.(errorOf(reply.error))
    else resolve?.(reply.value)
  })
  child.on('exit', (code, signal) => {
    ended = new Error(`a process of the kit, which loads ${start.module}, ended with ${code ?? signal}`)
    for (const { reject } of waiting.values()) reject(ended)
  })
  await give(start)
  return {
    call: (method, args, startNs) => give({ method, args, startNs }),
    async kill() {
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    },
  }
}

function errorOf({ message, applied }: NonNullable<Reply['error']>): Error {
  return applied ? storeFault(message, { applied }) : new Error(message)
}

/** Ends a process by closing its channel. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  if (child.connected) child.disconnect()
  await exited
}

const aModule: Expectation = {
  holds: (value) => (typeof value === 'string' && isAbsolute(value)) || isFileUrl(value),
  what: 'the absolute path or the file: URL of a module',
}

function isFileUrl(value: unknown): value is URL {
  return value instanceof URL ? value.protocol === 'file:' : typeof value === 'string' && value.startsWith('file:')
}

function pathOf(module: string | URL): string {
  return isFileUrl(module) ? fileURLToPath(module) : module
}

/** Throws a TypeError that names the wrong value. `advance` means that the test runner has replaced the clock. */
export function demandProcesses(kit: string, processes: object | undefined, advance?: unknown): void {
  if (processes === undefined) return
  const expected = { module: aModule, at: aFunction, execArgv: listOf(aText('an option of Node')) }
  checkOptions(`${kit}: processes`, processes, expected, ['module'])
  if (advance === undefined) return
  throw new TypeError(`${kit}: advance moves the clock of this process alone; leave it out, or processes.`)
}
