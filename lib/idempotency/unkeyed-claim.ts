import { randomUUID } from 'node:crypto'
import type { Claim, Claimed } from './claim'
import { parseRecord, printRecord } from './record'
import type { StoreWithDeadline } from './store-with-deadline'

/** A record that changes at every look is being worked on by others. */
const LOOKS = 20

/**
 * Claims a request that came without a key, among identical ones that come at the same time. Nothing is known of it
 * once its holder stops renewing the claim, and an answer is for those who saw the claim run: `awaited` is the token of
 * the claim that this request has seen.
 */
export async function claimUnkeyed(
  store: StoreWithDeadline,
  key: string,
  terms: { readonly leaseMs: number; readonly keptMs: number },
  awaited: string | undefined,
): Promise<Claimed> {
  const token = randomUUID()
  const text = printRecord({ state: 'running', fingerprint: '', token, isWatched: true })
  const won = (): Claimed => ({ outcome: 'claimed', claim: claimOf(store, key, text, token, terms) })
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

/** Only an answer that can be given to others is worth keeping. After anything else, the next one runs. */
function claimOf(
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
