import { type RawBuilder, sql } from 'kysely'
import { sha256 } from '../../../json/sha256'
import { storableText } from '../../records/stored-form'
import type { Fragments } from './fragments'

export type SqlKeyType = 'text' | 'integer' | 'uuid' | 'sha256'

export interface KeyOptions {
  readonly columns: readonly string[]
  readonly types: readonly SqlKeyType[]
  readonly separator: string
  readonly scope: ReadonlyArray<readonly [column: string, value: string | number]>
}

/** How a key finds its row. `undefined`: no row can have this key. */
export interface Keys {
  readonly columns: readonly string[]
  where(key: string): RawBuilder<unknown> | undefined
  /** Rows whose key the database treats as equal, for example because of a collation. */
  alike(key: string): RawBuilder<unknown> | undefined
  /** Whether the columns certainly give the key back as it was written. */
  isKept(key: string, keepsText: (column: string) => boolean): boolean
  /** For an INSERT, in the order of `columns`. */
  values(key: string): unknown[] | undefined
  /** Like `values`, without the scope. */
  own(key: string): unknown[] | undefined
}

export function keysOf({ columns, types, separator, scope }: KeyOptions, fragments: Fragments): Keys {
  // The first condition uses the index. The second compares exactly, so that no collation reaches another tenant's
  // rows.
  const inScope = scope.map(([column, value]) =>
    typeof value === 'number'
      ? fragments.isExactlyNumber(column, value)
      : sql`${fragments.nameOf(column)} = ${value} and ${fragments.isExactly(column, value)}`,
  )

  function partsOf(key: string): string[] | undefined {
    const parts = columns.length === 1 ? [key] : key.split(separator)
    if (parts.length !== columns.length) return undefined
    const stored = parts.map((part, index) => storedForm(part, types[index] ?? 'text'))
    return stored.every((part) => part !== undefined) ? stored : undefined
  }

  function bound(part: string, index: number): unknown {
    const type = types[index]
    if (type === 'integer') return fragments.integer(part)
    return type === 'uuid' ? fragments.uuid(part) : part
  }

  return {
    columns: [...scope.map(([column]) => column), ...columns],
    where(key) {
      const parts = partsOf(key)
      if (!parts) return undefined
      const matches = columns.map((column, index) => {
        const part = parts[index] ?? ''
        // The first condition uses the index. The second compares exactly, whatever the collation.
        return sql`${fragments.nameOf(column)} = ${bound(part, index)} and ${fragments.isExactly(column, part)}`
      })
      return sql.join([...inScope, ...matches], sql` and `)
    },
    alike(key) {
      const parts = partsOf(key)
      if (!parts) return undefined
      const inSame = scope.map(([column, value]) => sql`${fragments.nameOf(column)} = ${value}`)
      const same = columns.map(
        (column, index) => sql`${fragments.nameOf(column)} = ${bound(parts[index] ?? '', index)}`,
      )
      return sql.join([...inSame, ...same], sql` and `)
    },
    isKept(key, keepsText) {
      const parts = partsOf(key) ?? []
      return columns.every(
        (column, index) => types[index] !== 'text' || (keepsText(column) && !parts[index]?.endsWith(' ')),
      )
    },
    values: (key) => {
      const parts = partsOf(key)
      return parts && [...scope.map(([, value]) => value), ...parts.map(bound)]
    },
    own: (key) => partsOf(key)?.map(bound),
  }
}

const INTEGER = /^(?:0|-?[1-9]\d{0,18})$/
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Accepts only the spelling that the database itself uses: '01' is not the key of row 1. */
function storedForm(part: string, type: SqlKeyType): string | undefined {
  if (type === 'sha256') return sha256(storableText(part), 'hex')
  if (type === 'text') return storableText(part)
  if (type === 'uuid') return UUID.test(part) ? part : undefined
  return INTEGER.test(part) && BigInt.asIntN(64, BigInt(part)) === BigInt(part) ? part : undefined
}
