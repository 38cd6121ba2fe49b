import { demand, show } from '../demand'
import { demandSame, stored } from './outcome'
import type { AbleAdapter, Check, Checks } from './trial'

const KIBIBYTE = 'k'.repeat(1023)

/** Keys that some back end takes for one another: collations, numbers, paths, patterns, names in JavaScript. */
const PAIRS: readonly (readonly [string, string])[] = [
  ['a', 'A'],
  ['a', 'a '],
  ['a', ' a'],
  ['a', 'á'],
  ['\u00e9', 'e\u0301'],
  ['ss', 'ß'],
  ['i', 'İ'],
  ['😀', '😁'],
  ['0', '00'],
  ['0', 'zero'],
  ['1', '1.0'],
  ['1', '1e0'],
  ['1', '1 or 1=1'],
  ['x', '../x'],
  ['.', '..'],
  ['a', 'a/b'],
  ['a/b', 'a%2Fb'],
  ['a/b', 'a//b'],
  ['a', 'a.json'],
  ['a:b', 'a_b'],
  ['a', '{a}'],
  ['*', 'a'],
  ['%', '_'],
  ["'", "''"],
  ['\\', '\\\\'],
  ['a\nb', 'a b'],
  ['null', 'undefined'],
  ['__proto__', 'constructor'],
  ['toString', 'hasOwnProperty'],
  [`${KIBIBYTE}1`, `${KIBIBYTE}2`],
]

export function keyChecks<T>({ remove }: { remove: boolean }): Checks<T> {
  return Object.fromEntries(PAIRS.map((pair) => [nameOf(pair), keptApart<T>(pair, remove)]))
}

function nameOf([here, there]: readonly [string, string]): string {
  return `${ascii(here.slice(-24))} and ${ascii(there.slice(-24))} are two resources`
}

/** Two keys that look the same are not to be told apart by eye. */
function ascii(key: string): string {
  return show(key).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
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
