import type { LockManager } from '../contracts/lock'
import { refuseUnknown } from '../options'
import type { KitCase } from './adapter-kit'
import { exclusionChecks } from './lock/exclusion'
import { faultChecks } from './lock/faults'
import { fenceChecks } from './lock/fences'
import { leaseChecks } from './lock/leases'
import { leftoverChecks } from './lock/leftovers'
import { lossChecks } from './lock/loss'
import type { Check, Checks } from './lock/trial'
import { waitingChecks } from './lock/waiting'

type Made<M> = Promise<M> | M

/** What a lock manager can do, said by its author. */
export interface LockAbilities {
  /** Each lease has a fence. */
  readonly fence: boolean
  /** Managers in several processes share their locks; `makeSecond` gives another one. */
  readonly acrossProcesses: boolean
}

/** What the kit needs to know of a manager. */
export interface LockKitOptions<M extends LockManager = LockManager> {
  /** Makes a manager of which no key is held. It is called once for each case. */
  readonly makeManager: () => Made<M>
  readonly abilities: LockAbilities
  /** Another manager over the same service, as another process would have one. */
  readonly makeSecond?: (manager: M) => Made<M>
  /** A manager whose service is down. */
  readonly makeFailing?: () => Made<M>
  /** Makes the service forget that a key is held, as a restart or an operator would. */
  readonly takeAway?: (key: string) => Promise<void> | void
  /** What a manager, or its service, keeps for locks; as much before as after they were held. */
  readonly countEntries?: (manager: M) => Made<number>
  /** Called for every manager that a case made, whether it passed or failed. */
  readonly disposeManager?: (manager: M) => Promise<void> | void
  /** Lets time pass, where the clock is the test runner's. Without it the kit waits. */
  readonly advance?: (ms: number) => Promise<void>
  /** How long a lease is where a case waits for its end; 300 ms if left out. */
  readonly leaseMs?: number
  /** How much later than it should something may happen; 2 s if left out. */
  readonly slackMs?: number
  /** How often a worker takes a lock. */
  readonly rounds?: number
  /** How many take part in a race. */
  readonly workers?: number
}

/** The rules of `LockManager` as cases. A case fails with an error that says what the contract demands. */
export function lockKit<M extends LockManager>(options: LockKitOptions<M>): KitCase[] {
  refuseUnknown('lockKit()', options, OPTIONS)
  demandUsable(options)
  const { abilities, makeFailing, takeAway, countEntries } = options
  const chosen: ReadonlyArray<Checks | false | undefined> = [
    exclusionChecks(),
    waitingChecks(),
    leaseChecks(),
    fenceChecks(abilities.fence, takeAway),
    takeAway && lossChecks(takeAway),
    countEntries && leftoverChecks((manager) => countEntries(manager as M)),
    makeFailing && faultChecks(makeFailing),
  ]
  return chosen
    .flatMap((checks) => Object.entries(checks || {}))
    .map(([name, check]) => ({ name, run: () => runCheck(check, options) }))
}

async function runCheck<M extends LockManager>(check: Check, options: LockKitOptions<M>): Promise<void> {
  const { makeManager, makeSecond, disposeManager, leaseMs = 300, slackMs = 2000, rounds = 10, workers = 8 } = options
  const made: M[] = []
  const clock = options.advance ? { pass: options.advance, stop: () => {} } : realTime()
  try {
    const manager = await makeManager()
    made.push(manager)
    if (makeSecond) made.push(await makeSecond(manager))
    const second = made[1] ?? manager
    await check({ manager, second, pass: clock.pass, leaseMs, slackMs, rounds, workers })
  } finally {
    clock.stop()
    for (const manager of made.reverse()) await disposeManager?.(manager)
  }
}

/** Timers that a case has no use for any more must not keep the test runner waiting. */
function realTime() {
  const timers = new Set<NodeJS.Timeout>()
  return {
    pass: (ms: number) => new Promise<void>((resolve) => timers.add(setTimeout(resolve, ms))),
    stop: () => timers.forEach(clearTimeout),
  }
}

/** A misspelt one would leave cases out without a word. */
const OPTIONS = [
  'makeManager',
  'abilities',
  'makeSecond',
  'makeFailing',
  'takeAway',
  'countEntries',
  'disposeManager',
  'advance',
  'leaseMs',
  'slackMs',
  'rounds',
  'workers',
]

function demandUsable<M extends LockManager>(options: LockKitOptions<M>): void {
  if (typeof options.makeManager !== 'function' || typeof options.abilities !== 'object')
    throw new TypeError('lockKit(): give makeManager, a function, and abilities, an object.')
  const { abilities, makeSecond, leaseMs = 1, slackMs = 1, rounds = 1, workers = 2 } = options
  for (const name of ['fence', 'acrossProcesses'] as const) {
    // An ability that is forgotten would leave its rules unchecked without a word.
    if (typeof abilities[name] === 'boolean') continue
    throw new TypeError(`lockKit(): abilities.${name} is ${abilities[name]}; say true or false.`)
  }
  if (abilities.acrossProcesses !== (makeSecond !== undefined)) {
    const needed = abilities.acrossProcesses ? 'give makeSecond' : 'leave makeSecond out'
    throw new TypeError(`lockKit(): abilities.acrossProcesses is ${abilities.acrossProcesses}; ${needed}.`)
  }
  for (const [name, value] of Object.entries({ leaseMs, slackMs, rounds })) {
    if (Number.isSafeInteger(value) && value >= 1) continue
    throw new TypeError(`lockKit(): ${name} is ${value}; give a positive integer.`)
  }
  if (!Number.isSafeInteger(workers) || workers < 2) {
    throw new TypeError(`lockKit(): workers is ${workers}; a race needs two of them at least.`)
  }
}
