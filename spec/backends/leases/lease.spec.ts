import { holdLease } from '../../../lib/backends/leases/lease'
import { type LockConnection, sessionLocks } from '../../../lib/backends/leases/session'

const TERMS = { leaseMs: 900, maxHoldMs: 60_000 }

let nowMs = 0
beforeEach(() => {
  jest.useFakeTimers()
  nowMs = performance.now()
})
afterEach(() => {
  jest.restoreAllMocks()
  jest.useRealTimers()
})

/** A clock that goes on while no timer fires, as in a process that was stopped. */
function stop(ms: number): void {
  nowMs = performance.now() + ms
  jest.spyOn(performance, 'now').mockImplementation(() => nowMs)
}

test('a lease counts from when the lock was asked for, not from the answer', async () => {
  const askedAt = performance.now()
  await jest.advanceTimersByTimeAsync(600)
  const { lease } = holdLease({ askedAt, free: async () => {}, renew: () => new Promise(() => {}) }, TERMS)
  await jest.advanceTimersByTimeAsync(299)
  expect(lease.signal.aborted).toBe(false)
  await jest.advanceTimersByTimeAsync(2)
  expect(lease.signal.aborted).toBe(true)
})

test('a renewal counts from when it was sent, not from its answer', async () => {
  let renewals = 0
  // The first one is sent at 300 and answered at 500; no other one is answered.
  const renew = () =>
    new Promise<boolean>((resolve) => {
      renewals += 1
      if (renewals === 1) setTimeout(() => resolve(true), 200)
    })
  const { lease } = holdLease({ askedAt: performance.now(), free: async () => {}, renew }, TERMS)
  await jest.advanceTimersByTimeAsync(1199)
  expect(lease.signal.aborted).toBe(false)
  await jest.advanceTimersByTimeAsync(2)
  expect(lease.signal.aborted).toBe(true)
})

test('a renewal whose answer comes after the lease has run out revives nothing', async () => {
  const answers: ((renewed: boolean) => void)[] = []
  const renew = () => new Promise<boolean>((resolve) => answers.push(resolve))
  const { lease } = holdLease({ askedAt: performance.now(), free: async () => {}, renew }, TERMS)
  const { signal } = lease
  await jest.advanceTimersByTimeAsync(350)
  expect(answers).toHaveLength(1)
  stop(700)
  answers[0]?.(true)
  await Promise.resolve()
  await Promise.resolve()
  await Promise.resolve()
  expect(signal.aborted).toBe(true)
})

test('a lock is given back only when a renewal that is under way has ended: it would take the lock again', async () => {
  const steps: string[] = []
  let answer: (renewed: boolean) => void = () => {}
  const renew = () => {
    steps.push('renewal sent')
    return new Promise<boolean>((resolve) => {
      answer = resolve
    })
  }
  const free = async () => void steps.push('freed')
  const { lease } = holdLease({ askedAt: performance.now(), free, renew }, TERMS)
  await jest.advanceTimersByTimeAsync(301)
  const released = lease.release()
  await jest.advanceTimersByTimeAsync(1)
  expect(steps).toEqual(['renewal sent'])
  answer(true)
  await released
  expect(steps).toEqual(['renewal sent', 'freed'])
})

describe('a session that ends while a lock is asked for', () => {
  function session() {
    let grant: (fence: string) => void = () => {}
    let end: (reason: Error) => void = () => {}
    const freed: string[] = []
    const connection: LockConnection = {
      take: () =>
        new Promise((resolve) => {
          grant = resolve
        }),
      free: async (name) => void freed.push(name),
      setLease: async () => {},
      keepAlive: async () => true,
      end: () => {},
    }
    const locks = sessionLocks({
      deadlineMs: 1000,
      nameOf: (key) => key,
      async open(onEnd) {
        end = onEnd
        return connection
      },
    })
    return { locks, grant: (fence: string) => grant(fence), end: () => end(new Error('the connection was cut')) }
  }

  test('grants nothing, even when the grant was on its way', async () => {
    const it = session()
    const asked = it.locks.acquire('a', { waitMs: 0, ...TERMS }).then(
      (lease) => (lease ? 'granted' : 'refused'),
      (error: Error) => String(error.cause ?? error.message),
    )
    await jest.advanceTimersByTimeAsync(1)
    it.end()
    it.grant('7')
    await jest.advanceTimersByTimeAsync(1)
    expect(await asked).toContain('the connection was cut')
  })

  test('a slow grant counts from when it was asked for', async () => {
    const it = session()
    const asked = it.locks.acquire('a', { waitMs: 0, ...TERMS })
    await jest.advanceTimersByTimeAsync(600)
    it.grant('7')
    await jest.advanceTimersByTimeAsync(1)
    const lease = await asked
    expect(lease?.signal.aborted).toBe(false)
    stop(301)
    await jest.advanceTimersByTimeAsync(310)
    expect(lease?.signal.aborted).toBe(true)
  })
})
