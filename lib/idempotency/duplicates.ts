import { randomUUID } from 'node:crypto'
import type { KeptAnswer } from './record'
import { parseRecord, printRecord } from './record'
import type { TimelyStore } from './timely-store'

/** One of several identical requests that came without a key at the same time. */
export interface Turn {
  renew(): Promise<void>
  /** Those who wait get the answer; who comes later runs. */
  share(answer: KeptAnswer): Promise<boolean>
  end(): Promise<boolean>
}

export type Claimed =
  | { readonly outcome: 'claimed'; readonly turn: Turn }
  /** `token`: whose turn it is. */
  | { readonly outcome: 'running'; readonly token: string }
  | { readonly outcome: 'answered'; readonly answer: KeptAnswer }

const LOOKS = 20

/**
 * Claims a turn for as long as its holder renews it. Without a key nothing is promised beyond that: what is over counts
 * only for those who saw it run, as whom `awaited` says.
 */
export async function claimTurn(
  store: TimelyStore,
  key: string,
  terms: { leaseMs: number; keptMs: number },
  awaited: string | undefined,
): Promise<Claimed> {
  const token = randomUUID()
  const text = printRecord({ state: 'running', fingerprint: '', token, isWatched: true })
  const won = (): Claimed => ({ outcome: 'claimed', turn: turnOf(store, key, text, token, terms) })
  let seen: ReturnType<typeof parseRecord> | undefined
  for (let looks = 0; looks < LOOKS; looks++) {
    if (await store.claim(key, text, terms.leaseMs)) return won()
    const stored = await store.read(key)
    if (stored === undefined) continue
    seen = parseRecord(stored)
    if (seen.state === 'running') return { outcome: 'running', token: seen.token }
    if ('answer' in seen && seen.token === awaited) return { outcome: 'answered', answer: seen.answer }
    if (await store.replace(key, stored, text, terms.leaseMs)) return won()
  }
  return { outcome: 'running', token: seen?.token ?? '' }
}

function turnOf(
  store: TimelyStore,
  key: string,
  text: string,
  token: string,
  { leaseMs, keptMs }: { leaseMs: number; keptMs: number },
): Turn {
  return {
    async renew() {
      await store.replace(key, text, text, leaseMs)
    },
    share: (answer) =>
      store.replace(key, text, printRecord({ state: 'answered', fingerprint: '', token, answer }), keptMs),
    end: () => store.remove(key, text),
  }
}
