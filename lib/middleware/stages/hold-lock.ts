import { chainOf } from '../chain/chain'
import { holdAll } from '../lock/held-locks'
import { definitionOf, type ResourceOrOptions } from '../options/definition'
import type { LockSettings } from '../options/lock-options'
import type { ConflictMiddleware } from '../request/conflict-middleware'
import type { GuardedRequest, Stage } from '../request/guarded-request'

/**
 * Stage 2: holds the lock of the resource from before the state is read until the answer is ended.
 *
 * A lock is a courtesy: it spares requests that would lose. It can end while the handler is at work, and then the
 * commit is refused with `lock_lost`; what keeps the data right is the version that every write carries.
 */
export function holdLock<T>(resource: ResourceOrOptions<T>): ConflictMiddleware<T> {
  const definition = definitionOf('holdLock', resource)
  if (definition.lock === undefined) throw new TypeError('holdLock(): give lock: { manager }, such as memoryLocks().')
  return chainOf('holdLock', definition, [lockStage])
}

export const lockStage: Stage = {
  name: 'holdLock',
  role: 'enters',
  async enter(guarded) {
    const { lock, safeMethods } = guarded.settings
    const { method } = guarded
    if (lock === undefined || !(lock.methods?.has(method) ?? !safeMethods.has(method))) return undefined
    return holdAll(guarded, lock, keysOf(guarded, lock))
  },
}

/** Sorted, so that two requests that want the same two locks cannot wait for each other. */
function keysOf<T>({ req, key, settings }: GuardedRequest<T>, lock: LockSettings): string[] {
  const named = lock.key ? lock.key(req) : key === undefined ? [] : `${settings.name}:${key}`
  const keys = [named].flat()
  const wrong = keys.find((each) => typeof each !== 'string' || each === '')
  if (wrong === undefined) return [...new Set(keys)].sort()
  throw new TypeError(`lock.key of the ${settings.name} has to give non-empty strings; got ${JSON.stringify(wrong)}.`)
}
