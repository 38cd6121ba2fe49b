import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import express from 'express'
import fc from 'fast-check'
import { memoryAdapter, type ResourceAdapter, resourceRouter, respondToConflicts } from '../../lib'
import { fileAdapter } from '../../lib/backends/file'
import { createTableStatements, sqlAdapter } from '../../lib/backends/sql'
import { describeWith } from '../services'
import type { Doc } from './app'

/** In CONFLICT_SEED to see a failure again; fast-check prints it with the history. */
const SEED = Number(process.env.CONFLICT_SEED ?? 20_261_127)
const RUNS = Number(process.env.CONFLICT_RUNS ?? 30)

const START = 1_790_000_000_000
const MEMBERS = ['a', 'b'] as const
/** How far the clock of the second process is from that of the first one. */
const APART_MS = [0, 3000] as const

type Step =
  | { readonly do: 'wait'; readonly ms: number }
  | {
      readonly do: 'put' | 'patch' | 'remove' | 'restore'
      readonly member: number
      readonly by: number
      readonly n: number
    }
  | { readonly do: 'merge'; readonly member: number; readonly by: number; readonly n: number; readonly from: number }

const CHANGES = ['patch', 'patch', 'patch', 'put', 'put', 'restore', 'remove'] as const

const acting = { member: fc.nat(1), by: fc.nat(1), n: fc.nat(1) }
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('wait' as const),
        ms: fc.constantFrom(
          1,
          500,
          1000,
          5000,
          -1,
          -900,
          -3000,
          13_000,
          -13_000,
          14_000,
          -70_000,
          -3_600_000,
          3_700_000,
        ),
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constantFrom(...CHANGES),
        ...acting,
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant('merge' as const), ...acting, from: fc.integer({ min: 1, max: 3 }) }),
    },
  ),
  { minLength: 6, maxLength: 18 },
)

/** What a client can see of a state. */
interface Look {
  readonly etag: string
  readonly version: string
  readonly date: string | null
}

interface Shelves {
  readonly runs: number
  /** Keeps what was replaced and tombstones of what was removed. */
  open(folder: string): Promise<ResourceAdapter<Doc> & { readonly write: NonNullable<ResourceAdapter<Doc>['write']> }>
}

const now = () => Date.now()
const table = {
  table: 'docs',
  json: 'value',
  lastModified: 'modified',
  softDelete: 'removed',
  history: { table: 'docs_before' },
} as const

const IN_MEMORY: Shelves = {
  runs: RUNS,
  open: async () => memoryAdapter<Doc>({ history: 100, tombstones: true, now }),
}

const IN_FILES: Shelves = {
  runs: Math.ceil(RUNS / 3),
  open: async (folder) =>
    fileAdapter<Doc>({ folder: join(folder, randomUUID()), keepVersions: 100, tombstones: true, now }),
}

const IN_SQLITE: Shelves = {
  runs: Math.ceil(RUNS / 3),
  async open() {
    const Database = require('better-sqlite3')
    const client = new Database(':memory:')
    for (const statement of createTableStatements('sqlite', table)) client.exec(statement)
    return sqlAdapter<Doc>({ client, ...table, now })
  },
}

describe('two states never look alike, and one never looks like two', () => {
  describe('in memory', () => neverLookAlike(IN_MEMORY))
  describe('in files', () => neverLookAlike(IN_FILES))
  describeWith('SQLite', 'in SQLite', () => neverLookAlike(IN_SQLITE))
})

function neverLookAlike(shelves: Shelves): void {
  const folder = mkdtempSync(join(tmpdir(), 'look-alikes-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  let server: Server
  let clockMs = START
  let process = 0

  beforeAll(() => {
    jest.spyOn(Date, 'now').mockImplementation(() => clockMs + (APART_MS[process] ?? 0))
  })
  afterAll(() => jest.restoreAllMocks())
  afterEach(() => server?.close())

  async function send(method: string, headers: Record<string, string> = {}, body?: object, query = '') {
    const { port } = server.address() as AddressInfo
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
    const init = body === undefined ? {} : { body: JSON.stringify(body) }
    const sent = body === undefined ? headers : { 'Content-Type': type, ...headers }
    return fetch(`http://127.0.0.1:${port}/docs/1${query}`, { method, headers: sent, ...init })
  }

  async function run(history: readonly Step[]): Promise<void> {
    clockMs = START
    process = 0
    const store = await shelves.open(folder)
    const preconditions = { required: false, versionField: '/revision', versionQuery: 'revision' } as const
    const app = express()
    app.use(
      '/docs',
      resourceRouter<Doc>({ name: 'doc', adapter: store, merge: 'disjoint', preconditions }),
      respondToConflicts(),
    )
    server?.close()
    server = await new Promise<Server>((resolve) => {
      const listening = app.listen(0, () => resolve(listening))
    })
    /** Every state there was, oldest first, with all that was ever seen of it. */
    const states: { readonly version: string; readonly value: Doc; readonly gone: boolean; looks: Look[] }[] = []

    async function note(): Promise<void> {
      const stored = await store.read('1')
      if (!stored) return
      if (stored.version !== states.at(-1)?.version)
        states.push({ version: stored.version, value: stored.value, gone: stored.gone ?? false, looks: [] })
      const answer = await send('GET')
      if (answer.status !== 200) return
      const { revision } = (await answer.json()) as { revision: string }
      const look = {
        etag: answer.headers.get('etag') ?? '',
        version: revision,
        date: answer.headers.get('last-modified'),
      }
      states.at(-1)?.looks.push(look)
    }

    await store.write('1', { a: 0, b: 0 }, null)
    await note()
    for (const step of history) {
      if (step.do === 'wait') {
        clockMs += step.ms
        await note()
        continue
      }
      process = step.by
      const name = MEMBERS[step.member] ?? 'a'
      const current = states.at(-1)
      const next = { a: 0, b: 0, ...(current?.gone ? {} : current?.value), [name]: step.n }
      if (step.do === 'put') await send('PUT', {}, next)
      if (step.do === 'patch') await send('PATCH', {}, { [name]: step.n })
      if (step.do === 'remove') await send('DELETE')
      if (step.do === 'restore') await send('PUT', { 'If-None-Match': '*' }, next)
      if (step.do === 'merge') await merge(step, name)
      await note()
      process = 1 - process
      await note()
    }
    await judge()

    /** A member that was touched since is not merged, whatever it is now. */
    async function merge({ from, n }: Step & { do: 'merge' }, name: string): Promise<void> {
      const at = states.length - 1 - from
      const base = states[at]
      const current = states.at(-1)
      if (!base || !current || base.gone || current.gone || base === current) return
      const { status } = await send('PATCH', { 'If-Match': `"${base.version}"` }, { [name]: n })
      const since = states.slice(at + 1)
      const isTouched = since.some(({ value, gone }) => gone || value[name] !== base.value[name])
      const isChange = base.value[name] !== n
      const stored = await store.read('1')
      if (since.some(({ gone }) => gone) || (isTouched && isChange)) {
        expect([status, stored?.version]).toEqual([412, current.version])
      } else {
        expect([status, stored?.value]).toEqual([200, isChange ? { ...current.value, [name]: n } : current.value])
      }
    }

    async function judge(): Promise<void> {
      const distinct = (values: readonly unknown[]) => expect(new Set(values).size).toBe(values.length)
      // One never looks like two.
      for (const { version, looks } of states) {
        expect(new Set(looks.map(({ etag }) => etag)).size).toBeLessThanOrEqual(1)
        expect(looks.every((look) => look.version === version && look.etag === `"${version}"`)).toBe(true)
        expect(new Set(looks.flatMap(({ date }) => date ?? [])).size).toBeLessThanOrEqual(1)
      }
      // Two never look alike.
      const dates = states.map(({ looks }) => looks.find(({ date }) => date)?.date).filter((date) => date)
      distinct(states.map(({ version }) => version))
      distinct(dates)
      // And no condition takes one for the other.
      const last = states.at(-1)
      if (!last || last.gone) return
      for (const { version, looks } of states.slice(0, -1)) {
        const date = looks.find((look) => look.date)?.date
        expect((await send('DELETE', { 'If-Match': `"${version}"` })).status).toBe(412)
        expect((await send('DELETE', {}, undefined, `?revision=${version}`)).status).toBe(409)
        expect((await send('DELETE', {}, { revision: version })).status).toBe(409)
        expect((await send('GET', { 'If-None-Match': `"${version}"` })).status).toBe(200)
        if (!date) continue
        expect((await send('DELETE', { 'If-Unmodified-Since': date })).status).toBe(412)
        expect((await send('GET', { 'If-Modified-Since': date })).status).toBe(200)
      }
      expect((await send('GET', { 'If-None-Match': `"${last.version}"` })).status).toBe(304)
      expect((await store.read('1'))?.version).toBe(last.version)
    }
  }

  test(`${shelves.runs} histories, seed ${SEED}`, async () => {
    await fc.assert(fc.asyncProperty(steps, run), {
      seed: SEED,
      numRuns: shelves.runs,
      interruptAfterTimeLimit: 100_000,
      markInterruptAsFailure: false,
    })
  }, 120_000)
}
