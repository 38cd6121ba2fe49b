import type { Cuttable } from '../backends/leases/cuttable'
import type { Fleet } from './fleet'
import type { OwnDatabase } from './own-databases'

interface Breakable {
  readonly ways: readonly Cuttable[]
  readonly database: OwnDatabase | undefined
  readonly fleet: Fleet
  readonly everyMs: number
  readonly isOver: () => boolean
  /** Default: all of them, one after the other. */
  readonly kinds?: readonly FaultName[] | undefined
}

export type FaultName = keyof ReturnType<typeof faultsOf>

const SWALLOW_MS = 100
const CUT_MS = 100
/** Longer than the deadline of the chain. */
const STALL_MS = 1300

/** Breaks one thing after the other, and mends it. */
export function startFaults(terms: Breakable) {
  const { database, everyMs, isOver, kinds } = terms
  const faults = faultsOf(terms)
  const all = kinds ?? (Object.keys(faults) as FaultName[])
  const possible = database ? all : all.filter((name) => name !== 'the database killed')
  const counts: Partial<Record<FaultName, number>> = {}

  const hadAll = () => possible.every((name) => counts[name] !== undefined)

  async function storm(): Promise<typeof counts> {
    for (let turn = 0; ; turn++) {
      await pause(everyMs)
      if (isOver() && hadAll()) return counts
      const name = possible[turn % possible.length] as FaultName
      await faults[name]()
      counts[name] = (counts[name] ?? 0) + 1
    }
  }

  const over = storm()
  return {
    hadAll,
    /** Everything is whole again. */
    ended: () => over,
  }
}

function faultsOf({ ways, database, fleet }: Breakable) {
  let place = 0

  async function cut(ms: number): Promise<void> {
    for (const way of ways) way.cut()
    await pause(ms)
    for (const way of ways) way.heal()
  }

  return {
    async 'answers dropped'(): Promise<void> {
      for (const way of ways) way.swallow()
      await pause(SWALLOW_MS)
      await cut(0)
    },
    'a server killed': () => fleet.replace(place++ % fleet.size),
    'connections cut': () => cut(CUT_MS),
    async 'the database killed'(): Promise<void> {
      await database?.kill()
      await database?.start()
    },
    async 'everything stalled'(): Promise<void> {
      for (const way of ways) way.stall()
      await pause(STALL_MS)
      for (const way of ways) way.resume()
    },
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
