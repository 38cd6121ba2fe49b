import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Redis from 'ioredis'
import request from 'supertest'
import { type ConflictOptions, memoryAdapter, type ResourceAdapter, resourceRouter } from '../../lib'
import { fileAdapter } from '../../lib/backends/file'
import { prismaAdapter } from '../../lib/backends/prisma'
import { redisAdapter } from '../../lib/backends/redis'
import { createTableStatements, type SqlDialect, sqlAdapter } from '../../lib/backends/sql'
import { describeWith, ownName } from '../services'
import { appOf, type Doc } from '../stories/app'
import { SQL_SERVERS } from './sql/servers'

type Clocked = (now: () => number) => ResourceAdapter<Doc>

/** An hour ago: every date that comes of it can be shown. */
const START = Math.floor(Date.now() / 1000) * 1000 - 3_600_000

/** `hasMs`: dates are kept with their milliseconds, and so say that states share a second. Without, each has its own. */
function twoClocksKeepDatesApart(open: () => Clocked, hasMs = true): void {
  const appOver = (adapter: ResourceAdapter<Doc>) => {
    const options: ConflictOptions<Doc> = { name: ownName('doc'), adapter, preconditions: { required: false } }
    return appOf((all) => all.use('/docs', resourceRouter<Doc>(options)))
  }
  const dateOf = async (app: ReturnType<typeof appOver>): Promise<string | undefined> =>
    (await request(app).get('/docs/1').expect(200)).headers['last-modified']

  test.each([
    ['another process is 3 s behind', -3_000, 4],
    ['another process is 3 s ahead', 3_000, 4],
    ['it all happens in one second', 0, 4],
    ['the clock was set back by an hour', -3_600_000, 2],
    ['the clock was set back by 13 s', -13_000, 2],
  ])('%s: no two states show one date, and the date of an old one is refused', async (_, apartMs, shown) => {
    const adapterAt = open()
    const [one, two] = [START + 500, START + 700 + apartMs].map((ms) => appOver(adapterAt(() => ms)))
    const put = (app = one!, title: string) => request(app).put('/docs/1').send({ title })
    await put(one, 'first').expect(201)
    const seen = [await dateOf(two!)]
    for (const [app, title] of [
      [two, 'second'],
      [one, 'third'],
      [two, 'fourth'],
    ] as const) {
      await put(app, title).expect(200)
      seen.push(await dateOf(one!))
    }
    const dates = seen.flatMap((date) => date ?? [])
    expect(dates.map((date) => Date.parse(date))).toEqual(dates.map((date) => Date.parse(date)).sort())
    expect([new Set(dates).size, dates.length]).toEqual(hasMs ? [shown, shown] : [4, 4])
    const current = seen[3]
    for (const old of dates.filter((date) => date !== current))
      await put(two, 'stale').set('If-Unmodified-Since', old).expect(412)
    if (current !== undefined) await put(two, 'fifth').set('If-Unmodified-Since', current).expect(200)
  })
}

/** What makes a column of dates one without milliseconds. SQLite keeps any text. */
const WHOLE_SECONDS: Readonly<Record<SqlDialect, readonly string[]>> = {
  postgres: ['alter column modified type timestamptz(0)'],
  mysql: ['modify modified datetime not null'],
  sqlite: [],
}

describe('in memory', () => {
  twoClocksKeepDatesApart(() => {
    let clock = () => 0
    const adapter = memoryAdapter<Doc>({ now: () => clock() })
    // One store, asked from two sides.
    return (now) => ({
      ...adapter,
      write(key, value, expected) {
        clock = now
        return adapter.write(key, value, expected)
      },
    })
  })
})

describe('in files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'two-clocks-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  twoClocksKeepDatesApart(() => {
    const own = mkdtempSync(join(folder, 'case-'))
    return (now) => fileAdapter<Doc>({ folder: own, now })
  })
})

describeWith('Redis', 'in Redis', (url) => {
  const client = new Redis(url)
  afterAll(() => client.quit())
  twoClocksKeepDatesApart(() => {
    const prefix = ownName('clocks')
    return (now) => redisAdapter<Doc>({ client, prefix, ttlMs: 60_000, now })
  })
})

describe.each(SQL_SERVERS)('in SQL', (server) => {
  describeWith(server.service, `on ${server.service}`, (url) => {
    const path = mkdtempSync(join(tmpdir(), 'two-clocks-'))
    const { client, run, close } = server.open(server.dialect === 'sqlite' ? join(path, 'db') : url)
    const tables: string[] = []
    afterAll(async () => {
      for (const table of tables) await run(`drop table ${table}`)
      await close()
      rmSync(path, { recursive: true, force: true })
    })
    describe.each([
      ['dates', 'date', []],
      ['milliseconds', 'ms', []],
      ['whole seconds', 'date', WHOLE_SECONDS[server.dialect]],
    ] as const)('with a column of %s', (_, type, changes) => {
      const made = new Map<string, Promise<unknown>>()
      twoClocksKeepDatesApart(() => {
        const table = ownName('clocks')
        const options = { table, json: 'value', lastModified: { column: 'modified', type } } as const
        tables.push(table)
        const ready = (async () => {
          for (const statement of createTableStatements(server.dialect, options)) await run(statement)
          for (const change of changes) await run(`alter table ${table} ${change}`)
        })()
        made.set(table, ready)
        return (now) => {
          const inner = sqlAdapter<Doc>({ client, ...options, now })
          return {
            ...inner,
            read: async (key) => ready.then(() => inner.read(key)),
          }
        }
      }, changes.length === 0)
    })
  })
})

describe('in Prisma', () => {
  twoClocksKeepDatesApart(() => {
    const rows = new Map<unknown, Record<string, unknown>>()
    const matches = (row: Record<string, unknown>, where: Record<string, unknown>) =>
      Object.entries(where).every(([name, wanted]) => {
        const limit = (wanted as { lte?: Date } | null)?.lte
        return limit ? (row[name] as Date) <= limit : row[name] === wanted
      })
    const model = {
      findUnique: async ({ where }: { where: Record<string, unknown> }) => rows.get(where.id) ?? null,
      create: async ({ data }: { data: Record<string, unknown> }) => {
        rows.set(data.id, data)
        return data
      },
      updateMany: async ({ where, data }: { where: Record<string, unknown>; data: Record<string, unknown> }) => {
        const found = [...rows.values()].filter((row) => matches(row, where))
        for (const row of found) Object.assign(row, data)
        return { count: found.length }
      },
      deleteMany: async () => ({ count: 0 }),
    }
    return (now) => prismaAdapter<Doc>({ model, fields: ['title'], lastModified: 'modified', now })
  })
})
