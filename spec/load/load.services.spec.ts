import { describeWith } from '../services'
import { FLAWS } from './flaws'
import type { StoreName } from './stores'
import { type Result, runFlaw, runTrial } from './trial'

jest.setTimeout(120_000)

/** In short; bench/load/prove.js does the same at length. */
const TERMS = { processes: 3, clients: 8, keys: 5 }

const sound = ({ findings, figures: { accepted, unknownDone, visible } }: Result) => {
  expect(findings).toEqual([])
  expect(visible).toBe(accepted + unknownDone)
  expect(accepted).toBeGreaterThan(0)
}

const STORES = [
  ['SQLite', 'sqlite'],
  ['PostgreSQL', 'postgres'],
  ['MariaDB', 'mariadb'],
  ['Redis', 'redis'],
] as const satisfies ReadonlyArray<readonly [string, StoreName]>

for (const [service, store] of STORES) describeWith(service, `three processes over ${store}`, () => counts(store))
describe('three processes over files', () => counts('file'))

function counts(store: StoreName): void {
  test('each write that was accepted is one step of its counter', async () => {
    const result = await runTrial({ ...TERMS, store, ms: 1500 })
    sound(result)
    expect(result.figures).toMatchObject({ unknown: 0, notDone: 0 })
    expect(result.figures.lives).toBeGreaterThan(0)
  })

  test('also while connections are cut and stall, answers get lost, and processes are killed', async () => {
    sound(await runTrial({ ...TERMS, store, ms: 2000, faultEveryMs: 250 }))
  })
}

describeWith('SQLite', 'what is broken on purpose is found', () => {
  test('and what is not is not', async () => {
    const { findings } = await runFlaw('by hand, without a mistake', TERMS)
    expect(findings).toEqual([])
  })

  const flaws = Object.entries(FLAWS).filter(([, { store }]) => store === 'sqlite')
  test.each(flaws.map(([flaw]) => flaw))('%s', async (flaw) => {
    expect((await runFlaw(flaw, TERMS)).findings).not.toEqual([])
  })
})

describeWith('Redis', 'what is broken on purpose is found under faults', () => {
  const flaws = Object.entries(FLAWS).filter(([, { store }]) => store !== 'sqlite')
  test.each(flaws.map(([flaw]) => flaw))('%s', async (flaw) => {
    expect((await runFlaw(flaw, TERMS)).findings).not.toEqual([])
  })
})
