import {
  DummyDriver,
  Kysely,
  MysqlAdapter,
  type MysqlPool,
  MysqlQueryCompiler,
  PostgresAdapter,
  type PostgresPool,
  PostgresQueryCompiler,
  type QueryExecutorProvider,
  type QueryResult,
  type RawBuilder,
  SqliteAdapter,
  type SqliteDatabase,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'

/** The words of SQL that a database takes; MariaDB's are MySQL's. */
export type SqlDialect = 'postgres' | 'mysql' | 'sqlite'

/** What is asked of a Kysely instance. */
export interface KyselyInstance extends QueryExecutorProvider {
  transaction(): { execute<R>(run: (transaction: QueryExecutorProvider) => Promise<R>): Promise<R> }
}

/** A pool of `mysql2/promise`; the one of `mysql2` stands in `pool`. */
interface MysqlPromisePool {
  readonly pool: MysqlPool
}

/** A `DatabaseSync` of node:sqlite. */
export interface NodeSqliteDatabase {
  exec(text: string): void
  close(): void
  prepare(text: string): NodeSqliteStatement
}

interface NodeSqliteStatement {
  columns(): readonly unknown[]
  all(...parameters: never[]): unknown[]
  run(...parameters: never[]): { readonly changes: number | bigint; readonly lastInsertRowid: number | bigint }
  iterate(...parameters: never[]): Iterator<unknown>
}

/** What the app has to talk to its database. */
export type SqlClient =
  | KyselyInstance
  | PostgresPool
  | MysqlPool
  | MysqlPromisePool
  | SqliteDatabase
  | NodeSqliteDatabase

/** Runs one statement. */
export type Execute = <R>(statement: RawBuilder<R>) => Promise<QueryResult<R>>

/** An app's plugins may rename columns on their way in and out; these statements name what is there. */
export function executeOn(provider: QueryExecutorProvider): Execute {
  const executor = provider.getExecutor().withoutPlugins()
  const plain = { getExecutor: () => executor }
  return (statement) => statement.execute(plain)
}

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
