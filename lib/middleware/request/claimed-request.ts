import type { Request } from 'express'
import type { ExpiringStore } from '../../contracts/store'
import type { Claim } from '../../idempotency/claim'
import type { KeptAnswer } from '../../idempotency/record'

/** A request that claimed a key, until it is answered. */
export interface ClaimedRequest {
  /** `undefined`: it came without a key. */
  readonly claim: Claim | undefined
  readonly store: ExpiringStore
  /** The handler failed after it had begun, so what it did is unknown. */
  isInDoubt: boolean
  /** Makes the answer for a repetition, if the change was committed and its own answer is never kept. */
  committed: (() => KeptAnswer) | undefined
}

const CLAIMED = Symbol.for('express-conflict.claimed')

interface Carrier {
  [CLAIMED]?: ClaimedRequest
}

/** Stored where `remember` stores its entries, because a new member on the request itself is slow. */
export function claimOn(req: Request): ClaimedRequest | undefined {
  return (req.rawHeaders as Carrier)[CLAIMED]
}

export function rememberClaim(req: Request, store: ExpiringStore, claim: Claim | undefined): ClaimedRequest {
  const claimed = { claim, store, isInDoubt: false, committed: undefined }
  const carrier = req.rawHeaders as Carrier
  carrier[CLAIMED] = claimed
  return claimed
}
