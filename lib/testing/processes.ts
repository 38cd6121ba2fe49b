import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { storeFault } from '../contracts/store-fault'
import { aFunction, aText, checkOptions, type Expectation, listOf } from '../options'
import type { Reply, Start, Task } from './processes/racer'

/** How other processes get at what is tested. The kit starts them, and ends them after each case. */
export interface Processes {
  /**
   * The absolute path or the `file:` URL of a module that exports a function of the same name as the option: `makeAdapter`,
   * `makeManager` or `makeStore`. It must reach the same back end as that of the kit, without emptying it.
   */
  readonly module: string | URL
  /** Called in each case, after it has made its own instance: what the function of the module gets, any JSON. */
  readonly at?: () => unknown
  /** Options of Node for these processes, such as `['--import', 'tsx']` for TypeScript. Those of this process if left out. */
  readonly execArgv?: readonly string[]
}

/** One process of a team. */
export interface Member {
  /** Calls a method there. With `startNs` it begins at that moment of `process.hrtime`, which all processes share. */
  call(method: string, args: readonly unknown[], startNs?: bigint): Promise<unknown>
  /** Ends it as `kill -9` does. */
  kill(): Promise<void>
}

export interface Team {
  readonly members: readonly Member[]
  /** Lets all members call at the same moment. */
  race<R>(call: (member: Member, index: number, startNs: bigint) => Promise<R>): Promise<R[]>
}

export const PROCESSES = 4

/** Races between processes last this many times as many rounds: which of them meet is left to the machine. */
export const MORE_ROUNDS = 5

/** So long after it was sent, each process has a call. It waits for the moment with its eyes open. */
const LINE_UP_NS = 2_000_000n

/** Starts the processes, lets them work and ends them. `maker` names what the module exports. */
export async function inProcesses(
  { module, at, execArgv }: Processes,
  maker: Start['maker'],
  work: (team: Team) => Promise<void>,
): Promise<void> {
  const start: Start = { module: pathOf(module), maker, at: await at?.() }
  const children = Array.from({ length: PROCESSES }, () =>
    // Beside this file, in the package too.
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

/** A process ends by itself when its channel does. */
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

/** Throws a TypeError that names the value. `advance` is a clock of the test runner. */
export function demandProcesses(kit: string, processes: object | undefined, advance?: unknown): void {
  if (processes === undefined) return
  const expected = { module: aModule, at: aFunction, execArgv: listOf(aText('an option of Node')) }
  checkOptions(`${kit}: processes`, processes, expected, ['module'])
  if (advance === undefined) return
  throw new TypeError(`${kit}: advance moves the clock of this process alone; leave it out, or processes.`)
}
