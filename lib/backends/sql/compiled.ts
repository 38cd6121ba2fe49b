import {
  DummyDriver,
  Kysely,
  MysqlAdapter,
  MysqlQueryCompiler,
  PostgresAdapter,
  PostgresQueryCompiler,
  type RawBuilder,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import type { SqlDialect } from './client'

/** The text of a statement without parameters, for an app that runs it by itself. */
export function compiled(statement: RawBuilder<unknown>, dialect: SqlDialect): string {
  const adapter = { postgres: PostgresAdapter, mysql: MysqlAdapter, sqlite: SqliteAdapter }[dialect]
  const compiler = { postgres: PostgresQueryCompiler, mysql: MysqlQueryCompiler, sqlite: SqliteQueryCompiler }[dialect]
  const nowhere = new Kysely<unknown>({
    dialect: {
      createAdapter: () => new adapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (database) => new SqliteIntrospector(database),
      createQueryCompiler: () => new compiler(),
    },
  })
  return statement.compile(nowhere).sql
}
