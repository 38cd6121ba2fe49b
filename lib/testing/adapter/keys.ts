import { demand, show } from '../demand'
import { ascii, KEY_PAIRS } from '../key-pairs'
import type { AbleAdapter, Check, Checks } from './trial'
import { demandSame, stored } from './trial'

/** What no text column, no C string and no UTF-8 can tell apart. */
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
  return `${ascii(here.slice(-24))} and ${ascii(there.slice(-24))} are two resources`
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
