import { formatPointer } from '../../json/pointer'
import type { PrismaPlan } from './options'

/** What an error of Prisma may say about fields. A driver adapter says it in `cause`, Prisma's own engine beside it. */
interface PrismaError {
  readonly code?: unknown
  readonly meta?: {
    readonly modelName?: unknown
    readonly target?: unknown
    readonly constraint?: unknown
    readonly field_name?: unknown
    readonly column_name?: unknown
    readonly driverAdapterError?: { readonly cause?: DriverCause }
  }
}

interface DriverCause {
  readonly originalCode?: unknown
  readonly constraint?: { readonly fields?: unknown }
  readonly column?: unknown
}

/** A value too long, a unique index, a foreign key, NOT NULL. */
const CODES = new Set(['P2000', 'P2002', 'P2003', 'P2011'])

/** In MySQL: other rows refer to this one, and the columns are those of the other table. */
const IS_REFERRED_TO = '1451'

/**
 * JSON Pointers to the members that caused a write to be refused, as far as the error says. None if it names only a
 * constraint or an index, or if it is about another model, to which a trigger wrote.
 */
export function refusedMembers(error: unknown, { key, fields, modelName }: PrismaPlan): readonly string[] {
  const { code, meta } = Object(error) as PrismaError
  if (!meta || !CODES.has(String(code))) return []
  const cause: DriverCause = meta.driverAdapterError?.cause ?? {}
  if (cause.originalCode === IS_REFERRED_TO) return []
  if (modelName !== undefined && meta.modelName !== undefined && meta.modelName !== modelName) return []
  // A text in `target` or `constraint` is the name of an index, which may be that of a field.
  const lists = [meta.target, meta.constraint, cause.constraint?.fields].filter(Array.isArray)
  const said = [...lists.flat(), meta.field_name, meta.column_name, cause.column]
  return fields.filter(({ name }) => name !== key && said.includes(name)).map(({ name }) => formatPointer([name]))
}
