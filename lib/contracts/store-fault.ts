const BRAND = Symbol.for('express-conflict.store-fault')

/** An error of a back end that says whether something may have been written. */
export interface StoreFault extends Error {
  /** `'no'`: the back end refused the call. `'unknown'`: the call was sent, and no answer came. */
  readonly applied: 'no' | 'unknown'
  /** JSON Pointers to the members that were refused. */
  readonly pointers?: readonly string[] | undefined
}

/**
 * Wraps what a back end threw, for adapters, lock managers and stores alike.
 *
 * The difference matters after a write: after `'no'` it can be sent again, after `'unknown'` it is never sent again
 * automatically. Use `'no'` if the server answered with an error of its own, and `'unknown'` after a time-out or if the
 * connection was lost after sending.
 *
 * `pointers` names the members that the back end refused, if it said so. A client learns only of those that it may see.
 */
export function storeFault(
  cause: unknown,
  { applied, pointers }: Pick<StoreFault, 'applied' | 'pointers'>,
): StoreFault {
  if (applied !== 'no' && applied !== 'unknown')
    throw new TypeError(`storeFault(): applied is ${JSON.stringify(applied)}; it has to be 'no' or 'unknown'.`)
  const message = cause instanceof Error ? cause.message : String(cause)
  const fault = new Error(`the back end failed: ${message}`, { cause })
  fault.name = 'StoreFault'
  return Object.assign(fault, { applied, ...(pointers?.length && { pointers }), [BRAND]: true })
}

/** The fault of a call that got no answer in time. */
export function noAnswerWithin(ms: number, applied: 'no' | 'unknown' = 'unknown'): StoreFault {
  return storeFault(new Error(`no answer within ${ms} ms`), { applied })
}

/** Checked by brand and not by class, because two copies of this package may be loaded. */
export function isStoreFault(error: unknown): error is StoreFault {
  return error instanceof Error && BRAND in error
}
