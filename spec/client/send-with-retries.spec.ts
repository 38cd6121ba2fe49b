import { memoryOf } from '../../lib/client/memory'
import { retryDelayMs } from '../../lib/client/send-with-retries'

const NOW = Date.parse('Sun, 06 Nov 1994 08:49:37 GMT')
const most = (attempt: number, retryAfter = '') => retryDelayMs(attempt, retryAfter, NOW, () => 1)

describe('retryDelayMs', () => {
  test('anything up to a bound that doubles', () => {
    expect([1, 2, 3, 7, 8, 50].map((attempt) => most(attempt))).toEqual([100, 200, 400, 6400, 10_000, 10_000])
    expect(retryDelayMs(5, '', NOW, () => 0)).toBe(0)
    expect(retryDelayMs(3, '', NOW, () => 0.5)).toBe(200)
  })

  test.each([
    ['2', 2000],
    ['Sun, 06 Nov 1994 08:49:40 GMT', 3000],
    ['Sun, 06 Nov 1994 08:49:00 GMT', 0],
    ['Sun, 99 Nov 1994 08:49:00 GMT', 0],
    ['-1', 0],
    ['1.5', 0],
    ['soon', 0],
    ['tomorrow', 0],
  ])('on top of Retry-After: %s', (retryAfter, ms) => {
    expect(most(1, retryAfter)).toBe(100 + ms)
  })
})

test('a memory of nothing remembers nothing', () => {
  const memory = memoryOf(0)
  memory.set('/', { etag: null, lastModified: null, text: '' })
  expect(memory.get('/')).toBeUndefined()
})
