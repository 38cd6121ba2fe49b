import fc from 'fast-check'
import { type Effect, type Operation, settleUnknown } from './history'
import { isLinearizable } from './linearizability'

const at = (startMs: number, endMs: number | undefined, effect: Effect): Operation => ({ startMs, endMs, effect })
const read = (value: string): Effect => ({ kind: 'read', value })
const write = (value: string): Effect => ({ kind: 'write', value })
const swap = (from: string, to: string): Effect => ({ kind: 'swap', from, to })
const refused = (from: string): Effect => ({ kind: 'refused', from })

describe('histories whose verdict is known', () => {
  test.each<[string, boolean, Operation[]]>([
    ['nothing happened', true, []],
    ['a read of what was there', true, [at(0, 1, read('0'))]],
    ['a read of what nobody wrote', false, [at(0, 1, read('x'))]],
    ['a read after a write', true, [at(0, 1, write('a')), at(2, 3, read('a'))]],
    ['a read of what was overwritten before it began', false, [at(0, 1, write('a')), at(2, 3, read('0'))]],
    ['a read beside a write gives the old value', true, [at(0, 3, write('a')), at(1, 2, read('0'))]],
    ['a read beside a write gives the new value', true, [at(0, 3, write('a')), at(1, 2, read('a'))]],
    [
      'two reads beside a write, the new value first',
      false,
      [at(0, 9, write('a')), at(1, 2, read('a')), at(3, 4, read('0'))],
    ],
    ['two swaps from one value: a lost update', false, [at(0, 3, swap('0', 'a')), at(1, 2, swap('0', 'b'))]],
    ['of two swaps one is refused', true, [at(0, 3, swap('0', 'a')), at(1, 2, refused('0'))]],
    ['a refusal without a cause', false, [at(0, 1, refused('0')), at(2, 3, swap('0', 'a'))]],
    [
      'a chain of swaps, all at once',
      true,
      [at(0, 9, swap('b', 'c')), at(0, 9, swap('a', 'b')), at(0, 9, swap('0', 'a'))],
    ],
    ['an update that was acknowledged and rolled back', false, [at(0, 1, swap('0', 'a')), at(2, 3, read('0'))]],
    ['a write of unknown outcome that was not carried out', true, [at(0, undefined, write('a')), at(2, 3, read('0'))]],
    [
      'a write of unknown outcome that was carried out late',
      true,
      [at(0, undefined, write('a')), at(2, 3, read('0')), at(4, 5, read('a'))],
    ],
    [
      'a write of unknown outcome that was carried out twice',
      false,
      [at(0, undefined, write('a')), at(1, 2, read('a')), at(3, 4, write('b')), at(5, 6, read('a'))],
    ],
    [
      'a swap of unknown outcome that was seen before it was sent',
      false,
      [at(0, 1, read('a')), at(2, undefined, swap('0', 'a'))],
    ],
    [
      'a stale read of another process',
      false,
      [at(0, 1, swap('0', 'a')), at(2, 3, swap('a', 'b')), at(4, 5, read('a'))],
    ],
  ])('%s: %s', (_, verdict, operations) => {
    expect(isLinearizable(operations, '0')).toBe(verdict)
    expect(isLinearizable(settleUnknown(operations), '0')).toBe(verdict)
  })
})

test('what many clients see at once does not multiply', () => {
  // In each round one of 32 succeeds, all refusals and reads are beside it, and in the end something is wrong.
  const round = (index: number): Operation[] => {
    const [from, to] = [`${index}`, `${index + 1}`]
    const [startMs, endMs] = [index * 10, index * 10 + 9]
    const others = Array.from({ length: 31 }, (_, place) => (place % 2 ? refused(from) : read(place % 4 ? from : to)))
    return [swap(from, to), ...others].map((effect) => at(startMs, endMs, effect))
  }
  const operations = Array.from({ length: 100 }, (_, index) => round(index)).flat()
  expect(isLinearizable(operations, '0')).toBe(true)
  expect(isLinearizable([...operations, at(2000, 2001, read('0'))], '0')).toBe(false)
})

test('it says what trying every order says', () => {
  const effect = fc.oneof(
    fc.constantFrom('0', '1', '2').map(read),
    fc.constantFrom('1', '2').map(write),
    fc.tuple(fc.constantFrom('0', '1', '2'), fc.constantFrom('1', '2')).map(([from, to]) => swap(from, to)),
    fc.constantFrom('0', '1', '2').map(refused),
  )
  const operation = fc
    .tuple(fc.nat(9), fc.nat(9), fc.boolean(), effect)
    .map(([startMs, more, isKnown, what]) =>
      at(startMs, isKnown || what.kind === 'read' ? startMs + more : undefined, what),
    )
  const seen = { true: 0, false: 0 }
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 6 }), (operations) => {
      const verdict = byEveryOrder(operations, '0')
      seen[`${verdict}`] += 1
      expect(isLinearizable(operations, '0')).toBe(verdict)
    }),
    { numRuns: 3000 },
  )
  expect(Math.min(seen.true, seen.false)).toBeGreaterThan(500)
})

test('what is left of operations of unknown outcome has the same verdict', () => {
  // A register under swaps of its own values alone, each from what its client read before.
  const script = fc.array(
    fc.record({ knows: fc.boolean(), applies: fc.boolean(), lateMs: fc.nat(30), isStale: fc.boolean() }),
    { maxLength: 8 },
  )
  fc.assert(
    fc.property(script, (steps) => {
      const operations: Operation[] = []
      let stored = '0'
      let before = '0'
      for (const [index, { knows, applies, lateMs, isStale }] of steps.entries()) {
        const seen = isStale ? before : stored
        const startMs = index * 10
        operations.push(at(startMs, startMs + 1, read(seen)))
        operations.push(at(startMs + 2, knows ? startMs + 3 + lateMs : undefined, swap(seen, `${index + 1}`)))
        before = stored
        if (applies || knows) stored = `${index + 1}`
      }
      expect(isLinearizable(settleUnknown(operations), '0')).toBe(byEveryOrder(operations, '0'))
    }),
    { numRuns: 300 },
  )
})

/** The definition, as it stands: takes what may come first, and tries the rest. */
function byEveryOrder(left: readonly Operation[], state: string): boolean {
  if (left.every(({ endMs }) => endMs === undefined)) return true
  const firstEnd = Math.min(...left.map(({ endMs = Number.POSITIVE_INFINITY }) => endMs))
  return left.some((operation) => {
    if (operation.startMs > firstEnd) return false
    const after = carriedOut(operation.effect, state)
    return (
      after !== undefined &&
      byEveryOrder(
        left.filter((one) => one !== operation),
        after,
      )
    )
  })
}

function carriedOut(effect: Effect, state: string): string | undefined {
  if (effect.kind === 'write') return effect.value
  if (effect.kind === 'read') return effect.value === state ? state : undefined
  if (effect.kind === 'swap') return effect.from === state ? effect.to : undefined
  return effect.from !== state ? state : undefined
}
