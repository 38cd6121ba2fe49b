import type { SqliteDatabase, SqliteStatement } from 'kysely'

/** Clients that send different members make statements of different shapes: they must not fill the memory. */
const MOST_STATEMENTS = 200

/** A database that prepares each statement once: Kysely does it anew each time, which takes longer than to carry it out. */
export function keepingStatements(database: SqliteDatabase): SqliteDatabase {
  const kept = new Map<string, SqliteStatement>()
  return {
    close: () => database.close(),
    prepare(text) {
      const known = kept.get(text)
      if (known) return known
      const statement = database.prepare(text)
      if (kept.size >= MOST_STATEMENTS) kept.clear()
      const shared: SqliteStatement = {
        reader: statement.reader,
        all: (parameters) => statement.all(parameters),
        run: (parameters) => statement.run(parameters),
        // One that is being read row by row can do nothing else in between.
        iterate: (parameters) => database.prepare(text).iterate(parameters),
      }
      kept.set(text, shared)
      return shared
    },
  }
}
