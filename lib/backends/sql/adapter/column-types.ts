import type { SqlDialect } from '../client'
import type { SqlKeyType } from './keys'

/** A type, and what a column that is added gives to the rows that are there. */
export interface ColumnTypes {
  /** `mostBytes`: how much of an index a text may take, where that has to be said. */
  key(type: SqlKeyType, mostBytes: number): string
  scope(value: string | number): string
  readonly json: string
  /** A version as it is shown, of whatever type it is. */
  readonly anyVersion: string
  readonly version: Readonly<Record<'text' | 'bigint' | 'integer', readonly [type: string, added: string]>>
  readonly date: string
  readonly addedDate: string
}

const postgres: ColumnTypes = {
  key: (type) => ({ text: 'text', integer: 'bigint', uuid: 'uuid', sha256: 'char(64)' })[type],
  scope: (value) => (typeof value === 'number' ? 'bigint' : 'text'),
  // Not jsonb: it refuses the NUL that a JSON string may hold.
  json: 'json',
  anyVersion: 'text',
  version: {
    text: ['text', 'gen_random_uuid()::text'],
    bigint: ['bigint', '(extract(epoch from clock_timestamp()) * 1000000)::bigint'],
    integer: ['integer', '1'],
  },
  date: 'timestamptz(3)',
  addedDate: 'not null default current_timestamp',
}

const mysql: ColumnTypes = {
  // Bytes: the default collations take abc, ABC and Ábc for one key.
  key: (type, mostBytes) =>
    ({
      text: `varbinary(${mostBytes})`,
      integer: 'bigint',
      uuid: 'varbinary(36)',
      sha256: 'varbinary(64)',
    })[type],
  scope: (value) => (typeof value === 'number' ? 'bigint' : 'varbinary(255)'),
  json: 'longtext character set utf8mb4',
  anyVersion: 'varbinary(255)',
  version: {
    text: ['varchar(40) character set ascii collate ascii_bin', '(uuid())'],
    bigint: ['bigint', '(floor(unix_timestamp(now(6)) * 1000000))'],
    integer: ['integer', '1'],
  },
  date: 'datetime(3)',
  addedDate: 'not null default current_timestamp(3)',
}

/** It adds no column whose default is not a constant. */
const sqlite: ColumnTypes = {
  key: (type) => (type === 'integer' ? 'integer' : 'text'),
  scope: (value) => (typeof value === 'number' ? 'integer' : 'text'),
  json: 'text',
  anyVersion: 'text',
  version: { text: ['text', "'0'"], bigint: ['integer', '0'], integer: ['integer', '1'] },
  date: 'text',
  addedDate: '',
}

export const TYPES: Readonly<Record<SqlDialect, ColumnTypes>> = { postgres, mysql, sqlite }
