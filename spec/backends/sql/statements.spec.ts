import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  DummyDriver,
  Kysely,
  MysqlAdapter,
  MysqlIntrospector,
  MysqlQueryCompiler,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import { type SqlDialect, sqlAdapter } from '../../../lib/backends/sql'

const DIALECTS = {
  postgres: [PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler],
  mysql: [MysqlAdapter, MysqlIntrospector, MysqlQueryCompiler],
  sqlite: [SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler],
} as const

/** What the adapter would send, with nothing to send it to. */
async function statementsOf(dialect: SqlDialect): Promise<Record<string, string | undefined>> {
  const seen: string[] = []
  const [adapter, introspector, compiler] = DIALECTS[dialect]
  const client = new Kysely<unknown>({
    dialect: {
      createAdapter: () => new adapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (database) => new introspector(database),
      createQueryCompiler: () => new compiler(),
    },
    log: ({ query }) => void seen.push(query.sql),
  })
  const articles = sqlAdapter<object>({ client, table: 'articles', json: 'value' })
  // The catalogue of the database is read first.
  await articles.read('a')
  const first = async (call: Promise<unknown>) => {
    seen.splice(0)
    await call.catch(() => undefined)
    return seen[0]
  }
  return {
    read: await first(articles.read('a')),
    swap: await first(articles.write('a', {}, 'v')),
    removal: await first(articles.remove('a', 'v')),
    creation: await first(articles.write('a', {}, null)),
  }
}

const NAMES: Readonly<Record<SqlDialect, string>> = {
  postgres: 'PostgreSQL',
  mysql: 'MariaDB and MySQL',
  sqlite: 'SQLite',
}

/** The statements as the doc comment has them: `PostgreSQL, swap:` and then lines that are indented. */
function documented(dialect: SqlDialect): Record<string, string> {
  const source = readFileSync(join(__dirname, '../../../lib/backends/sql/adapter.ts'), 'utf8').replace(/^ \* ?/gm, '')
  const found = source.matchAll(new RegExp(`^${NAMES[dialect]}, (\\w+):\\n\\n((?: {4}.*\\n)+)`, 'gm'))
  return Object.fromEntries([...found].map(([, name, lines]) => [name, squeezed(lines ?? '')]))
}

const squeezed = (text: string) => text.replaceAll('*\\/', '*/').replace(/\s+/g, ' ').trim()

test.each(['postgres', 'mysql', 'sqlite'] as const)(
  'the statements for %s are those that sqlAdapter documents',
  async (dialect) => {
    const sent = Object.entries(await statementsOf(dialect)).map(([name, text]) => [name, squeezed(text ?? '')])
    expect(documented(dialect)).toEqual(Object.fromEntries(sent))
  },
)
