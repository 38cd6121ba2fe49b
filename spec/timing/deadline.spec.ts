import { withDeadline } from '../../lib/timing/deadline'

const late = () => new Error('late')

beforeEach(() => jest.useFakeTimers())
afterEach(() => jest.useRealTimers())

describe('withDeadline', () => {
  test('settles as the work does, and keeps no timer', async () => {
    await expect(withDeadline(Promise.resolve(1), 100, late)).resolves.toBe(1)
    await expect(withDeadline(Promise.reject(new Error('own')), 100, late)).rejects.toThrow('own')
    expect(jest.getTimerCount()).toBe(0)
  })

  test('rejects when its time is over, and not before', async () => {
    const settled = jest.fn()
    const work = withDeadline(new Promise(() => undefined), 100, late)
    work.catch(settled)
    await jest.advanceTimersByTimeAsync(99)
    expect(settled).not.toHaveBeenCalled()
    await jest.advanceTimersByTimeAsync(1)
    expect(settled).toHaveBeenCalledWith(new Error('late'))
  })

  test('what comes after the deadline changes nothing', async () => {
    let resolve: (value: number) => void = () => undefined
    const work = withDeadline(new Promise<number>((done) => (resolve = done)), 100, late)
    const answer = expect(work).rejects.toThrow('late')
    await jest.advanceTimersByTimeAsync(100)
    resolve(1)
    await answer
  })
})
