/**
 * What `next` is told of a rejection. Nothing, `'route'` and `'router'` would mean "go on" to Express: whoever rejects
 * with these, or with anything that is no object, has failed all the same.
 */
export function failure(reason: unknown): object {
  if (typeof reason === 'object' && reason !== null) return reason
  return new Error(`Something failed with ${String(reason)} in place of an error.`, { cause: reason })
}

/** To be told of a rejection: `promise.catch(failing(next))`. */
export function failing(next: (error: unknown) => void): (reason: unknown) => void {
  return (reason) => next(failure(reason))
}
