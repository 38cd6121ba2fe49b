import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { addColumnStatements, type SqlTable, sqlAdapter } from '../../../lib/backends/sql'
import type { ResourceAdapter } from '../../../lib/contracts/adapter'
import { type Abilities, adapterKit, type FaultMoment, jsonValues } from '../../../lib/testing'
import { describeWith, ownName, type ServiceName } from '../../services'
import { abilitiesOf } from '../abilities'
import { breakable } from '../breakable'
import { inProcesses } from '../processes'
import { type Opened, SQL_SERVERS, type SqlServer } from './servers'

interface Shape {
  readonly table: Omit<SqlTable, 'table'>
  /** The columns beside the key, as SQL. */
  readonly columns: (types: SqlServer['types']) => string
  readonly json?: boolean
  readonly abilities?: Partial<Abilities>
  readonly generatedKeys?: boolean
  readonly key?: string
  readonly keepVersions?: number
  /** Raced between processes too, where it is another kind of statement. */
  readonly raced?: (dialect: SqlServer['dialect']) => boolean
}

const members = { columns: { title: 'article_title', count: 'counted', tags: { type: 'json' } } } as const
const memberColumns = ({ json }: SqlServer['types']) =>
  `article_title varchar(100) not null, counted integer, tags ${json}`

const SHAPES: Readonly<Record<string, Shape>> = {
  'one JSON column, text versions': {
    table: { json: 'value', lastModified: 'modified' },
    columns: ({ json, date }) => `value ${json} not null, version varchar(40) not null, modified ${date} not null`,
    json: true,
    raced: () => true,
  },
  'one JSON column, keys as SHA-256, bigint versions, tombstones': {
    table: {
      json: 'value',
      keyType: 'sha256',
      version: { column: 'version', type: 'bigint' },
      lastModified: { column: 'modified', type: 'ms' },
      softDelete: { column: 'removed', type: 'boolean' },
    },
    columns: ({ json }) =>
      `value ${json} not null, version bigint not null, modified bigint not null, removed boolean not null`,
    json: true,
    abilities: { tombstones: true },
  },
  'columns, bigint versions': {
    table: { ...members, version: { column: 'version', type: 'bigint' } },
    columns: (types) => `${memberColumns(types)}, version bigint not null`,
    abilities: { lastModified: false },
  },
  'columns, integer versions, tombstones': {
    table: { ...members, version: { column: 'revision', type: 'integer' }, softDelete: 'removed_at' },
    columns: (types) => `${memberColumns(types)}, revision integer not null, removed_at ${types.date}`,
    abilities: { lastModified: false, tombstones: true },
  },
  'columns in a scope, composite key, text versions': {
    table: {
      ...members,
      scope: { tenant: 'acme' },
      key: ['part', 'id'],
      keySeparator: '\u0001',
      lastModified: 'modified',
    },
    columns: (types) =>
      `tenant varchar(20) not null, part varchar(20) not null default '', ${memberColumns(types)}, version varchar(40) not null, modified ${types.date} not null`,
    key: 'tenant, part, id',
  },
  'columns, no version': {
    table: { ...members, version: false },
    columns: memberColumns,
    abilities: { lastModified: false, contentVersions: true },
    // Elsewhere it is one statement, as with a version.
    raced: (dialect) => dialect === 'mysql',
  },
}

const KEEP_VERSIONS = 2

/** Each again, with what it replaces kept. */
const KEEPING = Object.entries(SHAPES).map(([name, shape]) => {
  const abilities = { ...shape.abilities, readVersion: true }
  const raced: Shape['raced'] = (dialect) => dialect === 'postgres' && shape.raced?.(dialect) === true
  return [`${name}, history`, { ...shape, raced, abilities, keepVersions: KEEP_VERSIONS }] as const
})

export function adapterKitOn(service: ServiceName): void {
  const server = SQL_SERVERS.find((each) => each.service === service) as SqlServer
  describe.each([...Object.entries(SHAPES), ...KEEPING])(`on ${server.service}: %s`, (_, shape) => {
    describeWith(server.service, 'the SQL adapter keeps the contract', (url) => runKit(server, url, shape))
  })
}

function runKit(server: SqlServer, url: string, shape: Shape): void {
  const folder = mkdtempSync(join(tmpdir(), 'express-conflict-'))
  const address = server.dialect === 'sqlite' ? join(folder, 'test.db') : url
  const table = ownName('kit')
  const opened: Opened[] = []
  let ms = Date.now()

  const open = () => {
    const one = server.open(address)
    opened.push(one)
    return one
  }
  const { keepVersions } = shape
  const history = keepVersions === undefined ? {} : { history: { table: `${table}_history`, keepVersions } }
  const over = ({ client }: Opened): ResourceAdapter<unknown> => {
    const adapter = sqlAdapter<unknown>({ ...shape.table, ...history, client, table, now: () => ms })
    return Array.isArray(shape.table.key) ? underPart(adapter) : adapter
  }

  let first: Opened
  let second: Opened
  beforeAll(async () => {
    first = open()
    second = open()
    const key = shape.table.keyType === 'sha256' ? 'char(64)' : server.types.key
    await first.run(
      `create table ${table} (id ${key} not null, ${shape.columns(server.types)}, primary key (${shape.key ?? 'id'}))`,
    )
    const marks = ['version', 'revision', 'modified', 'removed', 'removed_at']
    for (const statement of addColumnStatements(server.dialect, { ...shape.table, ...history, table }, marks))
      await first.run(statement)
  })
  afterAll(async () => {
    await first.run(`drop table ${table}`)
    if (keepVersions) await first.run(`drop table ${table}_history`)
    for (const one of opened) await one.close()
    rmSync(folder, { recursive: true })
  })

  const tags = { tags: ['a', 'b'] }
  const kit = adapterKit<unknown>({
    makeAdapter: async () => {
      await first.run(`delete from ${table}`)
      if (keepVersions) await first.run(`delete from ${table}_history`)
      return over(first)
    },
    makeSecond: () => over(second),
    makeFailing: () => over(server.closed()),
    // SQLite has no connection that could break.
    ...(server.dialect !== 'sqlite' && {
      makeFaulty: async (adapter: ResourceAdapter<unknown>, when: FaultMoment) => {
        const deciding = decidingOf(shape, server, table)
        const { url: way, breakAt } = await breakable(url, adapter, deciding)
        const broken = server.open(way, 1)
        opened.push(broken)
        const faulty = over(broken)
        await faulty.read('a')
        await breakAt(when)
        return faulty
      },
    }),
    values: [
      { title: 'one', count: 1, ...tags },
      { title: 'two ', count: null, ...tags },
      { title: 'Three', count: 3, tags: null },
    ],
    extraValues: shape.json ? jsonValues : [{ title: "'; --", count: 2 ** 31 - 1, tags: { a: [null, 'é'] } }],
    rounds: 6,
    ...(keepVersions && { keepVersions }),
    abilities: abilitiesOf('sqlAdapter', { lastModified: true, ...shape.abilities }),
    ...(shape.raced?.(server.dialect) && {
      processes: inProcesses(() => ({
        at: 'SQL',
        service: server.service,
        address,
        table: { ...shape.table, ...history, table },
      })),
    }),
    advance: (by) => {
      ms += by
    },
  })
  // Races of six rounds; the counters of sql.services.spec.ts race longer.
  for (const { name, run } of kit) test(name, run)
}

/** What carries a change out, where that is no single statement. */
function decidingOf({ keepVersions, abilities }: Shape, { dialect }: SqlServer, table: string): RegExp | undefined {
  // MySQL gives no row back, and a hash has to be read before others may write: a transaction.
  const isAlwaysOne = abilities?.contentVersions && dialect === 'mysql'
  // With history as well, but for PostgreSQL, where one statement does all of it.
  const isKeptApart = keepVersions !== undefined && (dialect !== 'postgres' || abilities?.contentVersions === true)
  if (isKeptApart)
    return isAlwaysOne ? COMMIT : new RegExp(`${COMMIT.source}|insert (?:/\\*.*?\\*/ )?into [\`"]${table}[\`"]`, 'i')
  return isAlwaysOne ? new RegExp(`${COMMIT.source}|delete from`, 'i') : undefined
}

/** Not what MySQL is told first, which isolation it is: read committed. */
const COMMIT = /\bcommit\b/i

/** Keys of a kit have one part. */
function underPart(adapter: ReturnType<typeof sqlAdapter<unknown>>): ResourceAdapter<unknown> {
  const partOf = (key: string) => `p\u0001${key}`
  const under = (inner: Pick<ResourceAdapter<unknown>, 'read' | 'write' | 'remove' | 'readVersion'>) => ({
    read: (key: string) => inner.read(partOf(key)),
    ...(inner.readVersion && {
      readVersion: async (key: string, version: string) => inner.readVersion?.(partOf(key), version),
    }),
    write: (key: string, value: unknown, expected: string | null) =>
      inner.write?.(partOf(key), value, expected) as ReturnType<typeof adapter.write>,
    remove: (key: string, expected: string) =>
      inner.remove?.(partOf(key), expected) as ReturnType<typeof adapter.remove>,
  })
  return { ...under(adapter), transaction: (run) => adapter.transaction((tx) => run({ ...tx, ...under(tx) })) }
}
