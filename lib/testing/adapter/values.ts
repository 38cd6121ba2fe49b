import type { ResourceState } from '../../contracts/adapter'
import { ascii, KEY_PAIRS } from '../key-pairs'
import { copyOf, demand, isComposite, show } from '../kit'
import { type AbleAdapter, type Check, type Checks, demandSame, present, refused, stored } from './trial'

/** Values that some stores change. For adapters that take any JSON. */
export const jsonValues: readonly unknown[] = [
  {},
  [],
  '',
  0,
  false,
  null,
  { nothing: null, empty: '', list: [], object: {}, no: false, zero: 0 },
  { deep: [{ er: [{ est: [[], [[]], {}] }] }] },
  { order: ['b', 'a', 'a', null], '2': 'two', '1': 'one', '': 'no name' },
  { case: 'a', Case: 'A', 'a.b': 1, a: { b: 2 }, $set: 3, 'a/b~c': 4 },
  { numbers: [2 ** 53 - 1, -(2 ** 53 - 1), 2 ** 31, 0.1, 1e-7, 1e21, 5e-324, Number.MAX_VALUE, -0] },
  { dates: ['2024-02-29T23:59:59.999Z', '2024-02-29', '0000-00-00', '12:30'], numerals: ['007', '1e3', '1.0', ' 1 '] },
  { words: ['true', 'null', 'undefined', 'NaN', '{}', '[]', '"', "'", '\\', "''; --", '%s', '?', ':a', '$1'] },
  { white: [' a ', '\t', '\n', '\r\n', '\u00a0', '\u2028', '\ufeff'], control: '\b\f\u0001\u001f\u007f' },
  { unicode: ['é', 'e\u0301', 'ß', 'İ', '日本語', 'עברית', '👩‍👩‍👧‍👦', '\u{10ffff}', '\u{1f600}'] },
  JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":1},"toString":"text","length":-1}'),
  { edges: [1e308, -1e-308, 2 ** -1074, 123456789.12345679, 0.1 + 0.2, 1e15, 1e16, -(2 ** 63), 2 ** 64] },
  JSON.parse(`${'{"a":['.repeat(60)}"deep"${']}'.repeat(60)}`),
  { mebibyte: 'x'.repeat(2 ** 20) },
  { long: 'é'.repeat(70_000), many: Array.from({ length: 1000 }, (_, index) => index) },
]

export function valueChecks<T>(extraValues: readonly T[]): Checks<T> {
  return {
    'every value comes back as it was written': async ({ adapter, values }) => {
      for (const [index, value] of [...values, ...extraValues].entries()) {
        const expected = copyOf(value)
        const rule = `${show(expected)} comes back as it was written`
        const written = stored(await adapter.write(`value ${index}`, copyOf(value), null), rule)
        demandSame(written, { ...written, value: expected }, rule)
        demandSame(await adapter.read(`value ${index}`), { ...written, value: expected }, rule)
      }
    },

    'every value is followed by every other': async ({ adapter, values, second }) => {
      const all = [...values, ...extraValues]
      let state = stored(await adapter.write('a', all[0] as T, null))
      for (const value of [...all, ...all.toReversed()]) {
        state = stored(await second.write('a', value, state.version), `${show(value)} replaces ${show(state.value)}`)
        demandSame(present(await adapter.read('a')), { ...state, value: copyOf(value) }, 'nothing is left of before')
      }
    },
  }
}

export function ownershipChecks<T>(): Checks<T> {
  return {
    'what read gives may be changed without touching the store': async ({ adapter, values: [one] }) => {
      const written = frozenIn(stored(await adapter.write('a', one, null)))
      spoil(present(await adapter.read('a')))
      demandSame(await adapter.read('a'), written, 'a change of what read gave stays with the caller')
    },

    'what a write gives may be changed without touching the store': async ({ adapter, values: [one, two] }) => {
      const result = stored(await adapter.write('a', one, null))
      const written = frozenIn(result)
      spoil(result)
      demandSame(await adapter.read('a'), written, 'a change of what a write gave stays with the caller')
      spoil(present(refused(await adapter.write('a', two, null), 'null is refused when something is stored')))
      demandSame(await adapter.read('a'), written, 'a change of what a refusal gave stays with the caller')
    },

    'what was passed to write may be changed afterwards': async ({ adapter, values: [one] }) => {
      const passed = copyOf(one)
      const written = frozenIn(stored(await adapter.write('a', passed, null)))
      spoilValue(passed)
      demandSame(await adapter.read('a'), { ...written, value: one }, 'a write takes the value as it was')
    },

    'write leaves what was passed as it is': async ({ adapter, values: [one] }) => {
      const passed = freeze(copyOf(one))
      // Changing a frozen value throws, so the write would reject.
      const written = stored(await adapter.write('a', passed, null))
      demandSame(written, { ...written, value: one }, 'a write does not change what it is given')
    },
  }
}

function frozenIn<T>(state: ResourceState<T>): ResourceState<T> {
  return { ...state, value: copyOf(state.value), lastModified: state.lastModified && new Date(state.lastModified) }
}

export function spoil(state: ResourceState<unknown>): void {
  state.lastModified?.setTime(0)
  spoilValue(state.value)
}

/** Changes every object and array in the value, innermost first. */
function spoilValue(value: unknown): void {
  if (!isComposite(value)) return
  for (const name of Object.keys(value)) {
    spoilValue(value[name])
    delete value[name]
  }
  value.spoilt = true
}

function freeze<T>(value: T): T {
  if (!isComposite(value)) return value
  Object.values(value).forEach(freeze)
  return Object.freeze(value)
}

/** Keys that some text columns, C strings or UTF-8 cannot tell apart. */
const UNPRINTABLE = [
  ['a', 'a\0'],
  ['a\0b', 'a\0c'],
  ['\ud83d', '\ud83e'],
  ['\ud83d', '\ufffd'],
] as const

export function keyChecks<T>({ remove }: { remove: boolean }): Checks<T> {
  const pairs = [...KEY_PAIRS, ...UNPRINTABLE]
  return Object.fromEntries(pairs.map((pair) => [nameOf(pair), keptApart<T>(pair, remove)]))
}

function nameOf([here, there]: readonly [string, string]): string {
  return `${ascii(here)} and ${ascii(there)} are two resources`
}

function keptApart<T>([here, there]: readonly [string, string], remove: boolean): Check<T> {
  return async ({ adapter, values: [one, two, three] }) => {
    await demandAbsent(adapter, here)
    const first = stored(await adapter.write(here, one, null), `any text is a key: ${show(here)}`)
    await demandAbsent(adapter, there)
    const other = stored(await adapter.write(there, two, null), `${show(there)} is not taken by ${show(here)}`)
    demandSame(await adapter.read(here), first, `${show(here)} stays what it is`)
    const next = stored(await adapter.write(here, three, first.version))
    demandSame(await adapter.read(there), other, `a write on ${show(here)} does not touch ${show(there)}`)
    if (!remove) return
    const removed = await adapter.remove(there, other.version)
    demand(removed.ok === true, `${show(there)} can be removed`, removed)
    demandSame(await adapter.read(here), next, `removing ${show(there)} does not touch ${show(here)}`)
  }
}

async function demandAbsent<T>(adapter: AbleAdapter<T>, key: string): Promise<void> {
  const seen = await adapter.read(key)
  demand(seen === undefined, `nothing is stored under ${show(key)}`, seen)
}
