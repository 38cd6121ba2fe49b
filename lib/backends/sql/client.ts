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

/** The SQL that a database speaks. MariaDB counts as MySQL. */
export type SqlDialect = 'postgres' | 'mysql' | 'sqlite'

/** The part of a Kysely instance that is used. */
export interface KyselyInstance extends QueryExecutorProvider {
  transaction(): { execute<R>(run: (transaction: QueryExecutorProvider) => Promise<R>): Promise<R> }
}

/** A pool of `mysql2/promise`, which wraps a pool of `mysql2` as `pool`. */
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

/** A database client of the app. */
export type SqlClient =
  | KyselyInstance
  | PostgresPool
  | MysqlPool
  | MysqlPromisePool
  | SqliteDatabase
  | NodeSqliteDatabase

/** Runs one statement. */
export type Execute = <R>(statement: RawBuilder<R>) => Promise<QueryResult<R>>

/** Runs statements without the app's plugins, which may rename columns. These statements use the real names. */
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
