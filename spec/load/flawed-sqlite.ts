import type { ResourceAdapter, ResourceState } from '../../lib/contracts/adapter'
import type { Counter } from './stores'

interface Statements {
  readonly begin?: string
  /** Reads and compares before it writes, as if that decided. */
  readonly comparesFirst?: boolean
  readonly set?: string
  readonly where?: string
}

const SOUND = { set: 'value = :value, version = version + 1', where: 'id = :id and version = :expected' }

interface Row {
  readonly value: string
  readonly version: number
}

/** An adapter as an app would write it by hand. With no statement replaced it is sound. */
export function flawedSqlite(replaced: Statements): (at: string) => ResourceAdapter<Counter> {
  return function open(at) {
    const { begin, comparesFirst = false, set, where } = { ...SOUND, ...replaced }
    const database = new (require('better-sqlite3'))(at)
    database.exec('create table if not exists by_hand (id text primary key, value text, version integer)')
    const select = database.prepare('select value, version from by_hand where id = ?')
    const update = database.prepare(`update by_hand set ${set} where ${where}`)
    const insert = database.prepare('insert into by_hand values (?, ?, 1) on conflict (id) do nothing')
    const read = (key: string) => stateOf(select.get(key))

    async function write(key: string, value: Counter, expected: string | null) {
      const text = JSON.stringify(value)
      const current = read(key)
      if (expected === null) {
        if (insert.run(key, text).changes === 0) return { ok: false as const, current: read(key) }
        return { ok: true as const, state: { value, version: '1' } }
      }
      if (comparesFirst && current?.version !== expected) return { ok: false as const, current }
      // What a driver of a server does between two statements: it lets others go on.
      if (comparesFirst && begin === undefined) await new Promise(setImmediate)
      const { changes } = update.run({ id: key, value: text, expected: Number(expected) })
      if (changes === 0) return { ok: false as const, current: read(key) }
      return { ok: true as const, state: { value, version: String(Number(expected) + 1) } }
    }

    return {
      read: async (key) => read(key),
      async write(key, value, expected) {
        if (begin === undefined) return write(key, value, expected)
        database.exec(begin)
        try {
          return await write(key, value, expected)
        } finally {
          database.exec('commit')
        }
      },
    }
  }
}

function stateOf(row: Row | undefined): ResourceState<Counter> | undefined {
  return row && { value: JSON.parse(row.value), version: String(row.version) }
}
