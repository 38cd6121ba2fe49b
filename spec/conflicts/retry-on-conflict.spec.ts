import { ConflictError } from '../../lib/conflicts/conflicts'
import { type RetryOptions, retryOnConflict } from '../../lib/conflicts/retry-on-conflict'

const busy = () => new ConflictError('concurrent_update')

/** Fails so often, then gives the number of the try. */
const failing = (times: number, error: () => unknown = busy) => {
  const run = jest.fn((attempt: number) => {
    if (attempt <= times) throw error()
    return attempt
  })
  return run
}

test('what is refused for the moment is run again', async () => {
  const run = failing(3)
  await expect(retryOnConflict(run)).resolves.toBe(4)
  expect(run).toHaveBeenCalledTimes(4)
})

test.each([
  ['a condition that is false', () => new ConflictError('precondition_failed')],
  ['a 412, whatever is said of it', () => new ConflictError('weak_validator', { retryable: true })],
  ['an old version', () => new ConflictError('stale_version')],
  ['an unknown outcome', () => new ConflictError('outcome_unknown', { retryable: true })],
  ['a rule', () => new ConflictError('rule_violation')],
  ['any other error', () => new Error('a mistake')],
])('%s is thrown as it came', async (_, make) => {
  const error = make()
  const run = failing(9, () => error)
  await expect(retryOnConflict(run)).rejects.toBe(error)
  expect(run).toHaveBeenCalledTimes(1)
})

test('so often and no more: then the last refusal is thrown', async () => {
  const run = failing(9)
  await expect(retryOnConflict(run, { tries: 2 })).rejects.toMatchObject({ code: 'concurrent_update' })
  expect(run).toHaveBeenCalledTimes(2)
})

test('no pause goes beyond the deadline', async () => {
  const random = jest.spyOn(Math, 'random').mockReturnValue(0.99)
  const run = failing(9)
  await expect(retryOnConflict(run, { firstPauseMs: 60_000, longestPauseMs: 60_000 })).rejects.toBeInstanceOf(
    ConflictError,
  )
  expect(run).toHaveBeenCalledTimes(1)
  random.mockRestore()
})

test('a pause is anything up to a bound that doubles', async () => {
  const random = jest.spyOn(Math, 'random').mockReturnValue(0)
  // Without a wait at all: full jitter.
  await expect(retryOnConflict(failing(3), { firstPauseMs: 60_000, longestPauseMs: 60_000 })).resolves.toBe(4)
  random.mockRestore()
})

test('a client that leaves ends it: before it begins, and while it waits', async () => {
  const reason = new Error('gone')
  const run = failing(9)
  await expect(retryOnConflict(run, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  expect(run).not.toHaveBeenCalled()
  const random = jest.spyOn(Math, 'random').mockReturnValue(0.9)
  const controller = new AbortController()
  const leaving = failing(9, () => {
    setImmediate(() => controller.abort(reason))
    return busy()
  })
  const waits = { firstPauseMs: 5000, longestPauseMs: 5000, signal: controller.signal }
  await expect(retryOnConflict(leaving, waits)).rejects.toBe(reason)
  expect(leaving).toHaveBeenCalledTimes(1)
  random.mockRestore()
})

test.each([
  [{ tries: 0 }, 'tries is 0; give a number above 0, or leave it out.'],
  [{ deadlineMs: '1' }, 'deadlineMs is 1; give a number above 0, or leave it out.'],
  [{ retries: 3 }, 'there is no option "retries". Did you mean "tries"?'],
])('%j is refused', async (options, message) => {
  await expect(retryOnConflict(() => 1, options as RetryOptions)).rejects.toThrow(`retryOnConflict(): ${message}`)
})
