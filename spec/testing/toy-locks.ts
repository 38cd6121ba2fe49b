import type { Lease, LockManager } from '../../lib/contracts/lock'

export interface Held {
  readonly token: symbol
  readonly until: number
}

/** What managers of several processes share: who holds what, and how many grants there were. */
export interface ToyService {
  readonly held: Map<string, Held>
  grants: number
}

/** Where the toy can be broken. */
export interface LockSeams {
  keyOf(key: string): string
  isFree(held: Held | undefined, now: number): boolean
  /** What happens between a look at the lock and its taking. */
  between(): Promise<void> | undefined
  nextFence(service: ToyService): string | undefined
  /** How long somebody may wait, and who gives up. */
  isPatient(now: number, until: number, signal: AbortSignal | undefined): boolean
  inVain(): undefined
  renews: boolean
  endsAfterMaxHold: boolean
  /** What becomes of the signal when the lock is gone. */
  tell(lost: AbortController): void
  released(lost: AbortController): void
  /** Whether a release may free what is held. */
  mayFree(held: Held | undefined, token: symbol): boolean
  forget(held: Map<string, Held>, key: string): void
  /** Called with the signal of the caller after a grant. */
  granted(signal: AbortSignal | undefined, lost: AbortController): void
}

const right: LockSeams = {
  keyOf: (key) => key,
  isFree: (held, now) => held === undefined || held.until <= now,
  between: () => undefined,
  nextFence: (service) => String(++service.grants),
  isPatient: (now, until, signal) => now < until && !signal?.aborted,
  inVain: () => undefined,
  renews: true,
  endsAfterMaxHold: true,
  tell: (lost) => lost.abort(new Error('lost')),
  released: () => {},
  mayFree: (held, token) => held?.token === token,
  forget: (held, key) => void held.delete(key),
  granted: () => {},
}

export const toyService = (): ToyService => ({ held: new Map(), grants: 0 })

/** A manager with leases, over a service in memory: right as it stands, and broken by one seam. */
export function toyLocks(service: ToyService, broken: Partial<LockSeams> = {}): LockManager {
  const seams: LockSeams = { ...right, ...broken }

  return {
    async acquire(given, { waitMs, leaseMs, maxHoldMs, signal }) {
      const key = seams.keyOf(given)
      const until = performance.now() + waitMs
      if (signal?.aborted && !seams.isPatient(0, 1, signal)) return seams.inVain()
      while (!seams.isFree(service.held.get(key), performance.now())) {
        if (!seams.isPatient(performance.now(), until, signal)) return seams.inVain()
        await aMoment(signal)
      }
      const gap = seams.between()
      if (gap !== undefined) await gap
      return open(key, leaseMs, maxHoldMs, signal)
    },
  }

  function open(key: string, leaseMs: number, maxHoldMs: number, caller: AbortSignal | undefined): Lease {
    const token = Symbol(key)
    const lost = new AbortController()
    const renew = () => service.held.set(key, { token, until: performance.now() + leaseMs })
    const isOurs = () => service.held.get(key)?.token === token
    const free = () => {
      clearInterval(renewal)
      clearTimeout(end)
      if (seams.mayFree(service.held.get(key), token)) seams.forget(service.held, key)
    }
    const lose = () => {
      free()
      seams.tell(lost)
    }
    const renewal = setInterval(() => {
      if (!isOurs()) lose()
      else if (seams.renews) renew()
    }, leaseMs / 4)
    const end = setTimeout(() => seams.endsAfterMaxHold && lose(), maxHoldMs)
    renew()
    seams.granted(caller, lost)
    return {
      fence: seams.nextFence(service),
      signal: lost.signal,
      release: async () => {
        free()
        seams.released(lost)
      },
    }
  }
}

function aMoment(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      signal?.removeEventListener('abort', done)
      resolve()
    }
    setTimeout(done, 1)
    signal?.addEventListener('abort', done)
  })
}
