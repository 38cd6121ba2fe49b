import { isStoreFault, storeFault } from '../../lib/contracts/store-fault'

describe('storeFault', () => {
  test.each(['no', 'unknown'] as const)('says that something was applied: %s', (applied) => {
    const cause = new Error('connection reset')
    const fault = storeFault(cause, { applied })
    expect(fault).toBeInstanceOf(Error)
    expect(fault).toMatchObject({
      name: 'StoreFault',
      message: 'the back end failed: connection reset',
      applied,
      cause,
    })
  })

  test('takes anything that was thrown', () => {
    expect(storeFault('ETIMEDOUT', { applied: 'no' })).toMatchObject({
      message: 'the back end failed: ETIMEDOUT',
      cause: 'ETIMEDOUT',
    })
    expect(storeFault(undefined, { applied: 'no' }).message).toBe('the back end failed: undefined')
  })
})

describe('isStoreFault', () => {
  test('knows a fault by its brand, which another copy of this package gives too', () => {
    expect(isStoreFault(storeFault(1, { applied: 'no' }))).toBe(true)
    expect(isStoreFault(Object.assign(new Error(), { [Symbol.for('express-conflict.store-fault')]: true }))).toBe(true)
  })

  test.each([
    ['another error', new Error()],
    ['an error of that name', Object.assign(new Error(), { name: 'StoreFault', applied: 'no' })],
    ['a branded object that is no error', { [Symbol.for('express-conflict.store-fault')]: true }],
    ['nothing', undefined],
  ])('does not take %s for one', (_name, error) => {
    expect(isStoreFault(error)).toBe(false)
  })
})

test('what is neither is a mistake', () => {
  expect(() => storeFault(new Error('x'), { applied: 'maybe' as never })).toThrow('applied is "maybe"; it has to be')
})
