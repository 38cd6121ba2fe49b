import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cuttable, cuttable } from '../backends/leases/cuttable'
import { runClient } from './client'
import { exchange } from './exchange'
import { startFaults } from './faults'
import { flawNamed } from './flaws'
import { startFleet } from './fleet'
import { type Figures, openLedger } from './ledger'
import { type Counter, STORES, type StoreName } from './stores'

export interface TrialOptions {
  readonly store: StoreName
  readonly processes: number
  readonly clients: number
  readonly keys: number
  /** With faults it goes on until each kind of them has been there. */
  readonly ms: number
  /** How often something is broken; nothing is without it. */
  readonly faultEveryMs?: number | undefined
  /** A mistake that is made on purpose. The trial ends when it shows. */
  readonly flaw?: string | undefined
}

export interface Result {
  readonly figures: Figures
  readonly findings: readonly string[]
  /** What was done to it, and how often. */
  readonly faults: Readonly<Record<string, number>>
  readonly tookMs: number
}

const LEAST_READS = 1000

const BEGIN: Counter = { count: 0, last: 'begin' }

/** Clients count over HTTP in several processes of one app. What they were told is held against what is stored. */
export async function runTrial(options: TrialOptions): Promise<Result> {
  const { store, processes, ms, faultEveryMs, flaw } = options
  const folder = mkdtempSync(join(tmpdir(), 'load-'))
  chmodSync(folder, 0o755)
  const closing: Array<() => unknown> = [() => rmSync(folder, { recursive: true, force: true })]
  try {
    const { server, at, prepare } = STORES[store]
    const database = await server?.(folder)
    if (database)
      closing.push(
        () => database.end?.(),
        () => database.kill(),
      )
    await database?.start()
    await prepare?.(at(folder, database?.port ?? 0))

    const isFaulty = faultEveryMs !== undefined
    const ways: Cuttable[] = []
    const way = async (target: number | (() => number)) => {
      const made = await cuttable(target)
      closing.push(() => made.close())
      ways.push(made)
      return made.port
    }
    const address = at(folder, database ? (isFaulty ? await way(database.port) : database.port) : 0)
    const ledger = openLedger(BEGIN)
    const deadlineMs = isFaulty ? 1000 : 10_000
    const onCrash = (code: number | null) => ledger.blame(`a server ended by itself, with ${code}`)
    const fleet = await startFleet(processes, { store, at: address, deadlineMs, flaw, onCrash })
    closing.push(() => fleet.end())
    // A store without a server has no connections to be cut, so those of its clients are.
    const places = Array.from({ length: processes }, (_, place) => place)
    const isDirect = database !== undefined || !isFaulty
    const front = isDirect ? [] : await Promise.all(places.map((place) => way(() => fleet.portOf(place))))
    const ports = () => (isDirect ? places.map(fleet.portOf) : front)

    const keys = Array.from({ length: options.keys }, (_, index) => `k${index}`)
    for (const key of keys) await settle(ports, key, 'PUT', JSON.stringify(BEGIN))

    const from = performance.now()
    const isCaught = () => flaw !== undefined && ledger.findings.length > 0
    // A mistake shows after so many tries, however slow the machine.
    const hasTried = () => flaw === undefined || ledger.figures.reads >= LEAST_READS
    const isLate = () => isCaught() || (performance.now() - from > ms && hasTried())
    const kinds = flawNamed(flaw ?? '')?.faults
    const faults = isFaulty
      ? startFaults({ ways, database, fleet, everyMs: faultEveryMs, isOver: isLate, kinds })
      : undefined
    const isOver = () => isLate() && (faults?.hadAll() ?? true)
    // Where an outcome is unknown, nobody can tell one removal from another. Flawed adapters cannot remove.
    const hasLives = !isFaulty && flaw === undefined
    const clients = Array.from({ length: options.clients }, (_, index) =>
      runClient({ name: `c${index}`, keys, ports, ledger, isOver, isFaulty, hasLives }),
    )
    await Promise.all(clients)
    const counts = await faults?.ended()
    const last = new Map<string, Counter>()
    for (const key of keys) {
      const startMs = performance.now()
      const text = await settle(ports, key, 'GET')
      if (text === '') {
        ledger.blame(`${key}: it is not there any more`)
        continue
      }
      const value = JSON.parse(text) as Counter
      ledger.read(key, startMs, performance.now(), value)
      last.set(key, value)
    }
    const figures = ledger.close(last)
    return { figures, findings: ledger.findings, faults: counts ?? {}, tookMs: performance.now() - from }
  } finally {
    for (const close of closing.reverse()) await close()
  }
}

/** Asks until it is answered with success: before the trial, and when everything is whole again. */
async function settle(
  ports: () => readonly number[],
  key: string,
  method: 'GET' | 'PUT',
  body?: string,
): Promise<string> {
  const agent = new Agent()
  let seen = 'no answer'
  for (const until = Date.now() + 20_000; Date.now() < until; ) {
    for (const port of ports()) {
      const headers: Record<string, string> = method === 'PUT' ? { 'If-None-Match': '*' } : {}
      const answer = await exchange(agent, port, method, `/counters/${key}`, headers, body)
      if (answer && answer.status < 300) return answer.text
      // It was carried out the first time, and the answer got lost. Or it is lost itself.
      if (answer?.status === (method === 'PUT' ? 412 : 404)) return ''
      seen = `${answer?.status} ${answer?.text}`
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`${method} ${key} never came through: ${seen}`)
}

/** How long a mistake may take to show. */
export const FLAW_MS = 10_000

/** What does not show while the clients count is found when their histories are judged, after so long. */
const FLAW_TRIAL_MS = 3000

export function runFlaw(flaw: string, more: Pick<TrialOptions, 'processes' | 'clients'>): Promise<Result> {
  const { store, faults } = flawNamed(flaw) ?? { store: 'sqlite' }
  return runTrial({ ...more, store, flaw, keys: 2, ms: FLAW_TRIAL_MS, faultEveryMs: faults ? 200 : undefined })
}
