import type { Request } from 'express'
import type { ConflictError } from '../../conflicts/conflicts'
import type { ExpiringStore } from '../../contracts/store'
import type { Claim } from '../../idempotency/claim'
import type { KeptAnswer } from '../../idempotency/record'

/** What is known about a request with a claim, until it is answered. */
export interface ClaimedRequest {
  /** `undefined`: it came without a key. */
  readonly claim: Claim | undefined
  readonly store: ExpiringStore
  /** The latest refusal. Whether it is what is answered, the status says. */
  conflict: ConflictError | undefined
  /** The handler failed after it had begun, and nobody knows what it did. */
  isInDoubt: boolean
  /** Makes what a repetition is told of a change that was committed, should there be no answer. */
  committed: (() => KeptAnswer) | undefined
}

const CLAIMED = Symbol.for('express-conflict.claimed')

interface Carrier {
  [CLAIMED]?: ClaimedRequest
}

/** Kept where `remember` keeps its entries: a member on the request itself is slow. */
export function claimOn(req: Request): ClaimedRequest | undefined {
  return (req.rawHeaders as Carrier)[CLAIMED]
}

export function rememberClaim(req: Request, store: ExpiringStore, claim: Claim | undefined): ClaimedRequest {
  const claimed = { claim, store, conflict: undefined, isInDoubt: false, committed: undefined }
  const carrier = req.rawHeaders as Carrier
  carrier[CLAIMED] = claimed
  return claimed
}

export function noteConflict(req: Request, conflict: ConflictError): void {
  const claimed = claimOn(req)
  if (claimed) claimed.conflict = conflict
}
