import type { SqliteDatabase, SqliteStatement } from 'kysely'
import { keepingStatements } from '../../../lib/backends/sql/database'

/** Counts what is prepared; each statement answers with its number. */
function counting() {
  const prepared: string[] = []
  const inner: SqliteDatabase = {
    close: jest.fn(),
    prepare(text): SqliteStatement {
      const number = prepared.push(text)
      return {
        reader: text.startsWith('select'),
        all: (parameters) => [number, ...parameters],
        run: () => ({ changes: number, lastInsertRowid: 0 }),
        iterate: () => [number].values(),
      }
    },
  }
  return { prepared, inner, database: keepingStatements(inner) }
}

test('each text is prepared once', () => {
  const { prepared, database } = counting()
  expect(database.prepare('select 1').all(['a'])).toEqual([1, 'a'])
  expect(database.prepare('update 1').run([]).changes).toBe(2)
  expect(database.prepare('select 1').all(['b'])).toEqual([1, 'b'])
  expect(prepared).toEqual(['select 1', 'update 1'])
  expect([database.prepare('select 1').reader, database.prepare('update 1').reader]).toEqual([true, false])
})

test('what is read row by row has a statement to itself', () => {
  const { database } = counting()
  const statement = database.prepare('select 1')
  expect([...statement.iterate([]), ...statement.iterate([])]).toEqual([2, 3])
  expect(statement.all([])).toEqual([1])
})

test('as many shapes as clients can think of do not fill the memory', () => {
  const { prepared, database } = counting()
  for (let shape = 0; shape < 200; shape++) database.prepare(`select ${shape}`)
  database.prepare('select 0')
  expect(prepared).toHaveLength(200)
  database.prepare('select 200')
  database.prepare('select 0')
  expect(prepared).toHaveLength(202)
})

test('a text that cannot be prepared is not kept', () => {
  const { inner } = counting()
  const prepare = jest.fn(() => {
    throw new Error('no such table')
  })
  const database = keepingStatements({ ...inner, prepare })
  for (const _ of [1, 2]) expect(() => database.prepare('select 1')).toThrow('no such table')
  expect(prepare).toHaveBeenCalledTimes(2)
})

test('it closes what it stands for', () => {
  const { inner, database } = counting()
  database.close()
  expect(inner.close).toHaveBeenCalledTimes(1)
})
