import { randomUUID } from 'node:crypto'
import type { ExpiringStore } from '../contracts/store'
import { type IdempotencyRecord, type KeptAnswer, parseRecord, printRecord } from './record'
import type { StoreWithDeadline } from './store-with-deadline'

/** The right to carry a request out, and the duty to record how it ended. Each method may be called again after a fault. */
export interface Claim {
  /** Shows that the holder is alive. If it does not do so for `leaseMs`, others treat it as dead. */
  renew(): Promise<void>
  /** Compare-and-swap: `false` when another request has the claim by now. */
  answer(answer: KeptAnswer): Promise<boolean>
  /** Records that the request was carried out, but its answer was not kept. */
  loseAnswer(): Promise<boolean>
  /** Records that the request was carried out. Its own answer is not known, so `answer` takes its place. */
  carryOut(answer: KeptAnswer): Promise<boolean>
  /** Records in the store of a transaction that the change is committed with it. The answer follows later. */
  commit(answer: KeptAnswer, store: ExpiringStore): Promise<boolean>
  /** Forgets the claim: the next request with this key is carried out. */
  release(): Promise<boolean>
}

export type ClaimOutcome =
  | { readonly outcome: 'claimed'; readonly claim: Claim }
  | { readonly outcome: 'answered' | 'carried-out'; readonly answer: KeptAnswer }
  /** `token`: which claim is running. */
  | { readonly outcome: 'running'; readonly token: string }
  | { readonly outcome: 'reused' | 'unknown' | 'answer-lost' }

export interface ClaimTerms {
  readonly ttlMs: number
  readonly leaseMs: number
  readonly onUnknown: 'refuse' | 'run-again'
}

/** How often to look. If the record changes every time, others are working on it. */
const LOOKS = 20

/**
 * Claims a key, or says what is known about it. The store's `create` decides which request is carried out.
 *
 * Only the store's clock counts. A claim lasts as long as its record. Whether the holder is alive is shown by a second
 * record, the lease: the first repetition creates it, and the holder renews it. So a request that nobody repeats costs
 * two calls of the store.
 */
export async function claimKey(
  store: StoreWithDeadline,
  key: string,
  fingerprint: string,
  terms: ClaimTerms,
): Promise<ClaimOutcome> {
  const mine: Running = { state: 'running', fingerprint, token: randomUUID(), isWatched: false }
  const myText = printRecord(mine)
  const watched = () => printRecord({ ...mine, isWatched: true })
  const won = (): ClaimOutcome => ({ outcome: 'claimed', claim: claimOf(store, key, mine, myText, terms) })
  let token = ''
  for (let looks = 0; looks < LOOKS; looks++) {
    if (await store.claim(key, myText, terms.ttlMs, watched)) return won()
    const text = await store.read(key)
    if (text === undefined) continue
    const seen = parseRecord(text)
    if (seen.fingerprint !== fingerprint) return { outcome: 'reused' }
    if (seen.state === 'answer-lost') return { outcome: seen.state }
    if (seen.state === 'answered' || seen.state === 'carried-out') return { outcome: seen.state, answer: seen.answer }
    token = seen.token
    const state = await stateOf(store, key, text, seen, terms)
    if (state === 'running') return { outcome: 'running', token }
    if (state === 'changed') continue
    if (seen.state === 'committed') return { outcome: 'carried-out', answer: seen.answer }
    if (terms.onUnknown === 'refuse') return { outcome: 'unknown' }
    if (await store.replace(key, text, myText, terms.ttlMs)) return won()
  }
  return { outcome: 'running', token }
}

type Running = IdempotencyRecord & { readonly state: 'running' }
/** The holder is still at work, unless it has died. */
type Unfinished = IdempotencyRecord & { readonly state: 'running' | 'committed' }

const leaseKey = (token: string) => JSON.stringify(['idempotency-lease', token])
const LEASE = 'held'

/** Creates the lease before the record says that it counts, so a lease that is missing later has run out. */
async function stateOf(
  store: ExpiringStore,
  key: string,
  text: string,
  seen: Unfinished,
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
  /** The records that the store may have for this claim, the most likely one first. Watched forms are tried last. */
  const forms: Unfinished[] = [mine]

  async function withEach(change: (text: string) => Promise<boolean>): Promise<boolean> {
    const known = [...forms]
    for (const each of known) if (await change(each === mine ? myText : printRecord(each))) return true
    for (const each of known) if (await change(printRecord({ ...each, isWatched: true }))) return true
    return false
  }

  async function swap(next: string, on = store): Promise<boolean> {
    if (await withEach((each) => on.replace(key, each, next, ttlMs))) return true
    // The store never answered an earlier call, but its record shows that the call succeeded.
    return (await on.read(key)) === next
  }

  return {
    async renew() {
      const name = leaseKey(token)
      if (!(await store.create(name, LEASE, leaseMs))) await store.replace(name, LEASE, LEASE, leaseMs)
    },
    answer: (answer) => swap(printRecord({ state: 'answered', fingerprint, token, answer })),
    loseAnswer: () => swap(printRecord({ state: 'answer-lost', fingerprint, token })),
    carryOut: (answer) => swap(printRecord({ state: 'carried-out', fingerprint, token, answer })),
    commit(answer, within) {
      const next: Unfinished = { state: 'committed', fingerprint, token, answer, isWatched: false }
      const isDone = swap(printRecord(next), within)
      // From now on, the store may have this record, whatever happens to the call and its transaction.
      forms.unshift(next)
      return isDone
    },
    async release() {
      if (await withEach((each) => store.remove(key, each))) return true
      return (await store.read(key)) === undefined
    },
  }
}

/**
 * Claims a request without a key, among identical ones that come at the same time. The claim is forgotten when its holder
 * stops renewing it. Only requests that saw the claim running get its answer: `awaited` is the token that they saw.
 */
export async function claimUnkeyed(
  store: StoreWithDeadline,
  key: string,
  terms: { readonly leaseMs: number; readonly keptMs: number },
  awaited: string | undefined,
): Promise<ClaimOutcome> {
  const token = randomUUID()
  const text = printRecord({ state: 'running', fingerprint: '', token, isWatched: true })
  const won = (): ClaimOutcome => ({ outcome: 'claimed', claim: unkeyedClaimOf(store, key, text, token, terms) })
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

/** Only keeps an answer that can be shared. After anything else, the next request runs. */
function unkeyedClaimOf(
  store: StoreWithDeadline,
  key: string,
  text: string,
  token: string,
  { leaseMs, keptMs }: { readonly leaseMs: number; readonly keptMs: number },
): Claim {
  const release = () => store.remove(key, text)
  return {
    async renew() {
      await store.replace(key, text, text, leaseMs)
    },
    answer: (answer) =>
      store.replace(key, text, printRecord({ state: 'answered', fingerprint: '', token, answer }), keptMs),
    loseAnswer: release,
    carryOut: release,
    commit: release,
    release,
  }
}
