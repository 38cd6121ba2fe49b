import type { TransactionalAdapter } from '../../../lib/contracts/adapter'
import { openTransaction } from '../../../lib/middleware/request/open-transaction'

afterEach(() => jest.useRealTimers())

/** A transaction whose COMMIT is answered by `answer`. */
async function opened() {
  const calls: string[] = []
  let answer = () => {}
  const answered = new Promise<void>((resolve) => {
    answer = resolve
  })
  const adapter = { abandon: () => calls.push('abandon') } as unknown as TransactionalAdapter<unknown>
  const transaction = await openTransaction<unknown>(async (run) => {
    const result = await run(adapter)
    calls.push('commit')
    await answered
    return result
  }, 10_000)
  return { transaction, calls, answer: () => answer() }
}

test('a transaction that is held for too long is ended, and says so', async () => {
  jest.useFakeTimers()
  const { transaction, calls } = await opened()
  transaction.holdFor(50)
  jest.advanceTimersByTime(49)
  expect([transaction.isOpen, transaction.lost.aborted, calls]).toEqual([true, false, []])
  jest.advanceTimersByTime(1)
  expect([transaction.isOpen, transaction.lost.aborted, calls]).toEqual([false, true, ['abandon']])
})

test('a COMMIT that is on its way is not ended by maxHoldMs: nobody could say what became of it', async () => {
  jest.useFakeTimers()
  const { transaction, calls, answer } = await opened()
  transaction.holdFor(50)
  const committed = transaction.commit()
  await jest.advanceTimersByTimeAsync(60)
  expect([transaction.lost.aborted, calls]).toEqual([false, ['commit']])
  answer()
  await committed
})
