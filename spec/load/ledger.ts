import { type Operation, settleUnknown } from './history'
import { isLinearizable } from './linearizability'
import type { Counter } from './stores'

/** A write and what was said of it. */
export interface Told {
  readonly key: string
  readonly startMs: number
  readonly endMs: number
  readonly from: Counter
  readonly to: Counter
  /** `'not done'`: told that nothing was written, for whatever reason but its condition. */
  readonly outcome: 'accepted' | 'refused' | 'unknown' | 'not done'
}

export interface Figures {
  reads: number
  accepted: number
  refused: number
  notDone: number
  unknown: number
  /** Creations and removals. */
  lives: number
  /** Of unknown outcome, and carried out. */
  unknownDone: number
  /** What all counters show in the end. */
  visible: number
  /** How long a client waited at the most, until it was answered or its connection ended. */
  slowestMs: number
}

/** What happened, as the clients saw it, and what cannot have happened in a sound store. */
export interface Ledger {
  read(key: string, startMs: number, endMs: number, value: Counter): void
  write(told: Told): void
  /** An operation on a resource that comes and goes. `NOTHING` is its state while it is not there, and at first. */
  live(key: string, operation: Operation): void
  timed<R>(call: Promise<R>): Promise<R>
  /** Something that is wrong by itself. */
  blame(what: string): void
  readonly findings: readonly string[]
  /** So far. */
  readonly figures: Readonly<Figures>
  /** To be asked when nothing is under way any more. `last`: what is stored now. */
  close(last: ReadonlyMap<string, Counter>): Figures
}

const MOST_FINDINGS = 20

export const NOTHING = 'nothing'

export function openLedger(initial: Counter): Ledger {
  const findings: string[] = []
  const operations = new Map<string, Operation[]>()
  const lives = new Map<string, Operation[]>()
  const accepted = new Map<string, Map<number, string>>()
  const unknown = new Map<string, Map<number, string[]>>()
  const figures: Figures = {
    reads: 0,
    accepted: 0,
    refused: 0,
    notDone: 0,
    unknown: 0,
    lives: 0,
    unknownDone: 0,
    visible: 0,
    slowestMs: 0,
  }

  const blame = (what: string) => {
    if (findings.length < MOST_FINDINGS) findings.push(what)
  }

  function note(key: string, operation: Operation): void {
    const noted = operations.get(key)
    if (noted) noted.push(operation)
    else operations.set(key, [operation])
  }

  return {
    findings,
    figures,
    blame,

    async timed(call) {
      const from = performance.now()
      const result = await call
      figures.slowestMs = Math.max(figures.slowestMs, performance.now() - from)
      return result
    },

    read(key, startMs, endMs, { last }) {
      figures.reads += 1
      note(key, { startMs, endMs, effect: { kind: 'read', value: last } })
    },

    write({ key, startMs, endMs, from, to, outcome }) {
      if (outcome === 'not done') figures.notDone += 1
      else figures[outcome] += 1
      if (outcome === 'refused') note(key, { startMs, endMs, effect: { kind: 'refused', from: from.last } })
      if (outcome === 'unknown') {
        note(key, { startMs, effect: { kind: 'swap', from: from.last, to: to.last } })
        const at = placesOf(unknown, key)
        at.set(to.count, [...(at.get(to.count) ?? []), to.last])
      }
      if (outcome !== 'accepted') return
      note(key, { startMs, endMs, effect: { kind: 'swap', from: from.last, to: to.last } })
      const at = placesOf(accepted, key)
      const before = at.get(to.count)
      if (before !== undefined) blame(`${key}: ${before} and ${to.last} were both accepted as number ${to.count}`)
      at.set(to.count, to.last)
    },

    live(key, operation) {
      if (operation.effect.kind === 'swap') figures.lives += 1
      lives.set(key, [...(lives.get(key) ?? []), operation])
    },

    close(last) {
      for (const [key, { count }] of last) {
        figures.visible += count - initial.count
        const done = placesOf(accepted, key)
        const open = placesOf(unknown, key)
        for (const [number, name] of done)
          if (number > count) blame(`${key}: ${name} was accepted as number ${number}, and it counts to ${count}`)
        for (let number = initial.count + 1; number <= count; number++) {
          if (done.has(number)) continue
          if (open.has(number)) figures.unknownDone += 1
          else blame(`${key}: number ${number} is nobody's`)
        }
      }
      if (figures.visible !== figures.accepted + figures.unknownDone)
        blame(
          `${figures.accepted} accepted and ${figures.unknownDone} unknown ones carried out, ${figures.visible} visible`,
        )
      for (const [key, noted] of operations)
        if (!isLinearizable(settleUnknown(noted), initial.last)) blame(`${key}: its history is not linearizable`)
      for (const [key, noted] of lives)
        if (!isLinearizable(noted, NOTHING)) blame(`${key}: its lives are not linearizable`)
      return figures
    },
  }
}

function placesOf<P>(all: Map<string, Map<number, P>>, key: string): Map<number, P> {
  const known = all.get(key)
  if (known) return known
  const made = new Map<number, P>()
  all.set(key, made)
  return made
}
