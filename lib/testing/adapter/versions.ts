import type { ResourceState, Version } from '../../contracts/adapter'
import { demand } from '../kit'
import { type AbleAdapter, type Checks, demandSame, present, refused, stored } from './trial'

/** Rules for adapters whose every write makes a new version. */
export function freshVersionChecks<T>(): Checks<T> {
  return {
    'the version changes when the same value is written again': async ({ adapter, values: [one] }) => {
      const first = stored(await adapter.write('a', one, null))
      const again = stored(await adapter.write('a', one, first.version))
      demand(again.version !== first.version, 'the version changes even when the value does not', again)
      refused(await adapter.write('a', one, first.version), 'the version before a write of the same value is old')
    },

    'a version is not used again over many writes': async ({ adapter, second, values, rounds }) => {
      let state = stored(await adapter.write('a', values[0], null))
      const seen = new Set([state.version])
      for (let i = 0; i < rounds * 5; i++) {
        const writer = i % 2 === 0 ? second : adapter
        state = stored(await writer.write('a', values[i % 2 === 0 ? 1 : 0], state.version))
        demand(!seen.has(state.version), 'a version is never used twice for a key', state.version)
        seen.add(state.version)
      }
      await demandRefused(adapter, state, values[2], [...seen].slice(0, -1))
    },

    'a value that comes back has a new version, and its old one is refused': async ({
      adapter,
      second,
      values: [one, two, three],
    }) => {
      const first = stored(await adapter.write('a', one, null))
      const next = stored(await second.write('a', two, first.version))
      const back = stored(await adapter.write('a', one, next.version))
      await demandRefused(second, back, three, [first.version, next.version])
    },
  }
}

export function versionChecks<T>(): Checks<T> {
  return {
    'a version that was never given is refused': async ({ adapter, values: [one, two] }) => {
      const first = stored(await adapter.write('a', one, null))
      const now = stored(await adapter.write('a', one, first.version))
      await demandRefused(adapter, now, two, lookalikes(now.version))
    },
  }
}

/** Checks that none of these versions lets a write through, and that the state stays. */
export async function demandRefused<T>(
  adapter: AbleAdapter<T>,
  state: ResourceState<T>,
  value: T,
  versions: readonly Version[],
): Promise<void> {
  for (const version of versions) {
    const rule = `${JSON.stringify(version)} is refused where ${JSON.stringify(state.version)} is stored`
    refused(await adapter.write('a', value, version), rule)
  }
  demandSame(await adapter.read('a'), state, 'refused writes change nothing')
}

/** Versions that a column of numbers, a collation or a comparison with >= would treat as equal. */
function lookalikes(version: Version): Version[] {
  const near = [
    `${version}0`,
    `0${version}`,
    `${version} `,
    `${version}.0`,
    '',
    '0',
    'never given',
    '99999999999999999999',
  ]
  return [...near, version.toLowerCase(), version.toUpperCase()].filter((other) => other !== version)
}

/** `advance` moves the adapter's clock, if it takes one. */
export function dateChecks<T>(advance: (ms: number) => void = () => {}): Checks<T> {
  return {
    'lastModified never goes backwards': async ({ adapter, values: [one, two], rounds }) => {
      let before = stored(await adapter.write('a', one, null))
      for (let i = 0; i < rounds; i++) {
        advance(i % 2 === 0 ? -60_000 : 1000)
        const after = stored(await adapter.write('a', i % 2 === 0 ? two : one, before.version))
        demand(timeOf(after) >= timeOf(before), `lastModified is not before ${before.lastModified?.toJSON()}`, after)
        before = after
      }
    },

    'each state has a later second of lastModified, unless its milliseconds mark it as shared': async ({
      adapter,
      values,
    }) => {
      const [one, two] = values
      let before = stored(await adapter.write('a', one, null))
      for (const [at, ms] of [0, -60_000, 500, 1000, -1000, 3000].entries()) {
        advance(ms)
        const after = stored(await adapter.write('a', at % 2 === 0 ? two : one, before.version))
        const rule = `the second of lastModified is later than ${before.lastModified?.toJSON()}, or its milliseconds are 999`
        const [was, is] = [before, after].map(timeOf) as [number, number]
        const isLater = Math.floor(is / 1000) > Math.floor(was / 1000)
        demand(isLater || (is % 1000 === 999 && is >= was), rule, after)
        before = after
      }
    },

    'a refused write leaves lastModified as it is': async ({ adapter, values: [one, two] }) => {
      const written = stored(await adapter.write('a', one, null))
      advance(60_000)
      await adapter.write('a', two, null)
      const seen = present(await adapter.read('a'))
      demand(timeOf(seen) === timeOf(written), 'lastModified is when the value was last written', seen)
    },
  }
}

function timeOf({ lastModified }: ResourceState<unknown>): number {
  const ms = lastModified?.getTime() ?? Number.NaN
  demand(!Number.isNaN(ms), 'lastModified is a date, as it was declared', lastModified)
  return ms
}
