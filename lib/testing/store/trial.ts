import type { ExpiringStore } from '../../contracts/store'
import type * as kit from '../kit'
import { demand } from '../kit'

/** The argument of a check: two stores over the same records, and bounds. */
export interface Trial {
  readonly store: ExpiringStore
  /** Another store over the same records if there is one, else the same store. */
  readonly second: ExpiringStore
  /** Lets time pass. */
  readonly pass: (ms: number) => Promise<void>
  /** The time to live of a record whose end a case waits for. */
  readonly ttlMs: number
  /** How much later than expected a record may expire. */
  readonly slackMs: number
  readonly rounds: number
  readonly workers: number
}

export type Check = kit.Check<Trial>
export type Checks = kit.Checks<Trial>

/** Long enough that nothing expires unless a case waits for it. */
export const LONG_MS = 600_000

export async function demandRead(store: ExpiringStore, key: string, value: string, rule: string): Promise<void> {
  const seen = await store.read(key)
  demand(seen === value, rule, seen)
}

export async function demandNothing(store: ExpiringStore, key: string, rule: string): Promise<void> {
  const seen = await store.read(key)
  demand(seen === undefined, rule, seen)
}

/** Creates a record where there is none. */
export async function created(store: ExpiringStore, key: string, value: string, ttlMs = LONG_MS): Promise<void> {
  const seen = await store.create(key, value, ttlMs)
  demand(seen === true, 'a record is created where there is none', seen)
}

/** Waits until a record with `ttlMs` has expired. */
export async function expire({ pass, ttlMs, slackMs }: Trial): Promise<void> {
  await pass(ttlMs + slackMs)
}

const MOST_TRIES = 5

/** Runs steps that must end before a record expires. If the machine was too slow, they run again with another key. */
export async function beforeItExpires(trial: Trial, steps: (key: string) => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    const from = performance.now()
    try {
      return await steps(`try ${tries}`)
    } catch (error) {
      if (performance.now() - from < trial.ttlMs || tries === MOST_TRIES) throw error
    }
  }
}
