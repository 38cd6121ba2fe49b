import { type RawBuilder, sql } from 'kysely'
import type { Execute, SqlDialect } from '../../client'
import { type ColumnFacts, fromColumn, type MemberColumn } from '../column-content'
import type { TablePlan } from '../plan'

/** A column, with its type as the catalogue names it, in lower case: `_text` is an array of PostgreSQL. */
export interface Column {
  readonly name: string
  readonly type: string
  /** The type in a form that CAST accepts. */
  readonly cast: string
  /** In PostgreSQL, the type with its length: `character varying(10)`. */
  readonly full?: string | undefined
}

/**
 * Finds the first member whose column cannot be used, because its content would change when it is written back, or
 * could be written but not read. `problem` says why, and what to do.
 */
export async function usableTypes(
  { members }: TablePlan,
  dialect: SqlDialect,
  columns: ReadonlyMap<string, Column>,
  execute: Execute,
): Promise<Pick<ColumnFacts, 'arrays' | 'numeric'> & { readonly problem: string | undefined }> {
  const typed = members.flatMap((member) => {
    const column = columns.get(member.column)
    return column ? [{ member, type: column.type, cast: column.cast }] : []
  })
  const named = ({ member, type }: Typed, wayOut: string) =>
    `the column of ${JSON.stringify(member.member)} holds ${contentOf(type)}; ${wayOut}`
  for (const each of typed) {
    const wayOut = wayOutOf(each, dialect)
    if (wayOut !== undefined) return { arrays: new Set(), numeric: new Set(), problem: named(each, wayOut) }
  }
  const numeric = await numericColumns(typed, dialect, execute)
  const sampled = typed.flatMap((each) => {
    const sample = each.member.type === 'plain' ? sampleOf(each, dialect) : undefined
    return sample ? [{ ...each, sample }] : []
  })
  if (sampled.length === 0) return { arrays: new Set(), numeric, problem: undefined }
  const selection = sampled.map(({ sample }, index) => sql`${sample} as ${sql.ref(`c${index}`)}`)
  const { rows } = await execute(sql<Record<string, unknown>>`select ${sql.join(selection)}`)
  const wrong = sampled.find(({ member }, index) => !isPlain(rows[0]?.[`c${index}`], member, dialect))
  const wayOut = PLAIN_WAYS_OUT.find(([types]) => wrong && types.test(wrong.type))?.[1] ?? AS_TEXT
  return {
    arrays: new Set(
      sampled.flatMap(({ member }, index) => (Array.isArray(rows[0]?.[`c${index}`]) ? member.column : [])),
    ),
    numeric,
    problem: wrong && named(wrong, wayOut),
  }
}

/** Types of columns that hold numbers: by name in MySQL, by affinity in SQLite. */
const NUMERIC: Readonly<Partial<Record<SqlDialect, RegExp>>> = {
  mysql: /^(?:tiny|small|medium|big)?int/,
  sqlite: /int|^(?!any$)(?!.*(?:char|clob|text|blob)).+/,
}

/** Columns whose integers the driver may round. None if an option of the driver keeps all digits of large integers. */
async function numericColumns(typed: readonly Typed[], dialect: SqlDialect, execute: Execute) {
  const found = typed.filter(({ type }) => NUMERIC[dialect]?.test(type))
  if (found.length === 0) return new Set<string>()
  const asked = execute(sql<{ n: unknown }>`select 9223372036854775807 as n`)
  // node:sqlite refuses to read such a large integer.
  const { rows } = await asked.catch(() => ({ rows: [] }))
  const isWhole = rows.length > 0 && typeof rows[0]?.n !== 'number'
  return new Set(isWhole ? [] : found.map(({ member }) => member.column))
}

interface Typed {
  readonly member: MemberColumn
  readonly type: string
  readonly cast: string
}

const AS_TEXT = "say { type: 'text' } for its text, or leave it out."

function contentOf(type: string): string {
  if (/^(?:date|timestamp)/.test(type)) return 'a date'
  if (/^(?:bytea|(?:var)?binary|\w*blob)/.test(type)) return 'bytes, which JSON has not'
  if (/^float/.test(type)) return 'a FLOAT, which shows six of its digits'
  // `_int4` is shown as `int4[]`.
  return type.startsWith('_') ? `${type.slice(1)}[]` : type.toUpperCase()
}

/** What to do about types that no driver reads correctly. */
function wayOutOf({ member: { type: as }, type }: Typed, dialect: SqlDialect): string | undefined {
  if (dialect === 'postgres' && as === 'json' && type.startsWith('_'))
    return 'leave out type: an array is one by itself.'
  // The driver gives numbers, and an array of numbers does not show which digits it has lost.
  if (type === '_numeric' && as === 'plain') return AS_TEXT
  if (dialect !== 'mysql') return undefined
  if (/^(?:geometry|point|linestring|polygon|multi\w+|geomcollection)/.test(type)) return 'leave it out.'
  // The driver may have parsed it, and then the text "5" and the number 5 look the same.
  if (type === 'json' && as !== 'json') return "say { type: 'json' }."
  if (/^float/.test(type) && as !== 'number') return "say { type: 'number' }."
  if (/^bit\(1\)/.test(type) && as !== 'boolean') return "say { type: 'boolean' }."
  if (/^bit\((?!1\))/.test(type)) return 'leave it out.'
  if (/^(?:datetime|timestamp)\([456]\)/.test(type) && as === 'date')
    return "its driver drops what is finer than a millisecond: say { type: 'text' }."
  if (/^(?:var)?binary|blob/.test(type) && as === 'text') return 'leave it out.'
  return undefined
}

/** A sample. Depending on its settings, the driver may read it as something that is not JSON, or not exact. */
function sampleOf({ type, cast }: Typed, dialect: SqlDialect): RawBuilder<unknown> | undefined {
  if (dialect === 'mysql') {
    return /^(?:date|timestamp)/.test(type) ? sql.raw("cast('2000-01-01 00:00:00' as datetime)") : undefined
  }
  if (dialect !== 'postgres') return undefined
  const isArray = type.startsWith('_')
  const one = SAMPLES[isArray ? type.slice(1) : type]
  if (one === undefined && !isArray) return undefined
  // Arrays are always tried, because the driver gives arrays of some types as text.
  const items = one === undefined ? '' : `"${one.replace(/["\\]/g, '\\$&')}"`
  return sql`cast(${isArray ? `{${items}}` : one} as ${sql.raw(cast)})`
}

const SAMPLES: Readonly<Record<string, string | undefined>> = {
  date: '2000-01-01',
  timestamp: '2000-01-01 00:00:00',
  timestamptz: '2000-01-01 00:00:00+00',
  interval: '1 day',
  point: '(1,2)',
  circle: '<(1,2),3>',
  json: '{}',
  jsonb: '{}',
  bytea: '\\x80',
}

const PLAIN_WAYS_OUT: ReadonlyArray<readonly [types: RegExp, wayOut: string]> = [
  [/^(?:date|datetime|timestamp)/, "say { type: 'date' }."],
  [/^json/, "say { type: 'json' }."],
]

function isPlain(content: unknown, member: MemberColumn, dialect: SqlDialect): boolean {
  try {
    fromColumn(content, member, dialect)
    return true
  } catch {
    return false
  }
}
