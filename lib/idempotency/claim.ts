import { randomUUID } from 'node:crypto'
import type { ExpiringStore } from '../contracts/store'
import { type IdempotencyRecord, type KeptAnswer, parseRecord, printRecord } from './record'
import type { TimelyStore } from './timely-store'

/** The right to carry a request out, and the duty to say what came of it. */
export interface Claim {
  /** Says that the holder is alive. Until it has not done so for `leaseMs`, nobody takes it for dead. */
  renew(): Promise<void>
  /** Compare-and-swap: `false` when somebody else has the claim by now. It may be called again after a fault. */
  answer(answer: KeptAnswer): Promise<boolean>
  loseAnswer(): Promise<boolean>
  /** With the store of a transaction, what was done counts when that does. */
  carryOut(answer: KeptAnswer, store?: ExpiringStore): Promise<boolean>
  /** As if nobody had asked. */
  release(): Promise<boolean>
}

export type Claimed =
  | { readonly outcome: 'claimed'; readonly claim: Claim }
  | { readonly outcome: 'answered' | 'carried-out'; readonly answer: KeptAnswer }
  | { readonly outcome: 'running' | 'reused' | 'unknown' | 'answer-lost' }

export interface ClaimTerms {
  readonly ttlMs: number
  readonly leaseMs: number
  readonly onUnknown: 'refuse' | 'run-again'
}

/** A record that changes at every look has others who work on it. */
const LOOKS = 20

/**
 * Claims a key, or says what is known of it. One creation decides who carries a request out.
 *
 * Times are the store's alone. A claim lasts as long as a record; whether its holder is alive is told by a second
 * record, the lease, which the first one who asks makes, and which the holder renews. So a request that nobody repeats
 * costs two calls of the store.
 */
export async function claimKey(
  store: TimelyStore,
  key: string,
  fingerprint: string,
  terms: ClaimTerms,
): Promise<Claimed> {
  const mine: Running = { state: 'running', fingerprint, token: randomUUID(), isWatched: false }
  const myText = printRecord(mine)
  const watched = () => printRecord({ ...mine, isWatched: true })
  const won = (): Claimed => ({ outcome: 'claimed', claim: claimOf(store, key, mine, myText, terms) })
  for (let looks = 0; looks < LOOKS; looks++) {
    if (await store.claim(key, myText, terms.ttlMs, watched)) return won()
    const text = await store.read(key)
    if (text === undefined) continue
    const seen = parseRecord(text)
    if (seen.fingerprint !== fingerprint) return { outcome: 'reused' }
    if (seen.state === 'answer-lost') return { outcome: seen.state }
    if (seen.state !== 'running') return { outcome: seen.state, answer: seen.answer }
    const state = await stateOf(store, key, text, seen, terms)
    if (state === 'running') return { outcome: 'running' }
    if (state === 'changed') continue
    if (terms.onUnknown === 'refuse') return { outcome: 'unknown' }
    if (await store.replace(key, text, myText, terms.ttlMs)) return won()
  }
  return { outcome: 'running' }
}

type Running = IdempotencyRecord & { readonly state: 'running' }

const leaseKey = (token: string) => JSON.stringify(['idempotency-lease', token])
const LEASE = 'held'

/** The lease is made before the record says that it counts: who finds it gone later knows that it ran out. */
async function stateOf(
  store: ExpiringStore,
  key: string,
  text: string,
  seen: Running,
  { leaseMs, ttlMs }: ClaimTerms,
): Promise<'running' | 'changed' | 'unknown'> {
  if (!seen.isWatched) {
    await store.create(leaseKey(seen.token), LEASE, leaseMs)
    const isWatched = await store.replace(key, text, printRecord({ ...seen, isWatched: true }), ttlMs)
    return isWatched ? 'running' : 'changed'
  }
  if ((await store.read(leaseKey(seen.token))) !== undefined) return 'running'
  return (await store.read(key)) === text ? 'unknown' : 'changed'
}

function claimOf(
  store: ExpiringStore,
  key: string,
  mine: Running,
  myText: string,
  { ttlMs, leaseMs }: ClaimTerms,
): Claim {
  const { fingerprint, token } = mine
  /** What may stand in the store for this claim, the likeliest first; and at the last what it becomes when it is watched. */
  const texts = [myText]

  async function withEach(change: (text: string) => Promise<boolean>): Promise<boolean> {
    for (const each of texts) if (await change(each)) return true
    return change(printRecord({ ...mine, isWatched: true }))
  }

  async function swap(next: string, on = store): Promise<boolean> {
    if (await withEach((each) => on.replace(key, each, next, ttlMs))) return true
    // A call of which nobody knew whether it was carried out was.
    return (await on.read(key)) === next
  }

  return {
    async renew() {
      const name = leaseKey(token)
      if (!(await store.create(name, LEASE, leaseMs))) await store.replace(name, LEASE, LEASE, leaseMs)
    },
    answer: (answer) => swap(printRecord({ state: 'answered', fingerprint, token, answer })),
    loseAnswer: () => swap(printRecord({ state: 'answer-lost', fingerprint, token })),
    carryOut(answer, within) {
      const next = printRecord({ state: 'carried-out', fingerprint, token, answer })
      const isDone = swap(next, within)
      // Whatever comes of the call, and of the transaction: it may stand there from now on.
      if (texts[0] !== next) texts.unshift(next)
      return isDone
    },
    async release() {
      if (await withEach((each) => store.remove(key, each))) return true
      return (await store.read(key)) === undefined
    },
  }
}
