import { isObject } from '../../../json/pointer'
import { refuseUnknown } from '../../../options'
import type { MemberColumn } from './column-content'
import type { SqlKeyType } from './keys'
import type { SqlHistory, SqlTable } from './options'
import type { SqlVersionType } from './versions'

/** The options, with all defaults filled in. */
export interface TablePlan {
  readonly table: string
  readonly key: readonly string[]
  readonly keyTypes: readonly SqlKeyType[]
  readonly keySeparator: string
  readonly scope: ReadonlyArray<readonly [string, string | number]>
  readonly json: string | undefined
  readonly members: readonly MemberColumn[]
  readonly version: { readonly column: string; readonly type: SqlVersionType } | undefined
  readonly lastModified: { readonly column: string; readonly type: 'date' | 'ms' } | undefined
  readonly softDelete: { readonly column: string; readonly type: 'date' | 'boolean' } | undefined
  readonly history: HistoryPlan | undefined
}

/** The table of the history. */
export interface HistoryPlan {
  readonly table: string
  readonly keepVersions: number
}

export const HISTORY_VALUES = ['value', 'modified_ms', 'gone', 'position'] as const

/** The columns after those of the key. Dates are in milliseconds, so no time zone changes them. */
export const HISTORY_COLUMNS = ['version', ...HISTORY_VALUES] as const

const TABLE_OPTIONS = 'table key keyType keySeparator scope json columns version lastModified softDelete history'.split(
  ' ',
)
const OWN_COLUMNS = new Set<string>(HISTORY_COLUMNS)
const ADAPTER_OPTIONS = [...TABLE_OPTIONS, 'client', 'replica', 'dialect', 'generatedKeys', 'now']

export function planOf(options: SqlTable, who: string): TablePlan {
  const fail: Fail = (what) => {
    throw new TypeError(`${who}: ${what}`)
  }
  refuseUnknown(who, options, ADAPTER_OPTIONS)
  checkShapes(options, fail)
  const plan = filledIn(options)
  if ((options.json === undefined) === (options.columns === undefined)) fail('give either json or columns.')
  if (plan.key.length === 0) fail('key names no column.')
  if (plan.keyTypes.length !== plan.key.length)
    fail(`keyType has ${plan.keyTypes.length} words for ${plan.key.length} columns.`)
  if (plan.keySeparator === '') fail('keySeparator is empty.')
  if (!isIdentifier(plan.table, 2)) fail(`table ${JSON.stringify(plan.table)} is not a plain identifier.`)
  for (const [option, name] of namesIn(plan)) {
    if (!isIdentifier(name, 1)) fail(`${option} ${JSON.stringify(name)} is not a plain identifier.`)
  }
  for (const [option, type, types] of typesIn(plan)) {
    if (!types.includes(type)) fail(`${option} cannot be of type ${JSON.stringify(type)}; say ${types.join(', ')}.`)
  }
  if (options.columns !== undefined && plan.members.length === 0) fail('columns names no column.')
  const keyColumns = [...plan.key, ...plan.scope.map(([column]) => column)]
  // A member may show a column of the key or the scope. No other column may have two uses.
  const members = plan.members.map(({ column }) => column).filter((column) => !keyColumns.includes(column))
  const marks = [plan.version, plan.lastModified, plan.softDelete].flatMap((mark) => (mark ? [mark.column] : []))
  const named = [...keyColumns, ...marks, ...members, ...(plan.json === undefined ? [] : [plan.json])]
  const twice = named.find((name, index) => named.indexOf(name) !== index)
  if (twice !== undefined) fail(`the column "${twice}" is named for two purposes.`)
  if (options.history !== undefined) checkHistory(options.history, plan, who, fail)
  return plan
}

type Fail = (what: string) => never

/** Checks the options that can be a name or an object. */
function checkShapes(
  { columns, key = 'id', scope = {}, version, lastModified, softDelete }: SqlTable,
  fail: Fail,
): void {
  if (typeof key !== 'string' && !Array.isArray(key)) fail(`key is ${JSON.stringify(key)}; give a column, or several.`)
  if (!isObject(scope)) fail(`scope is ${JSON.stringify(scope)}; give { column: value }.`)
  for (const [column, value] of Object.entries(scope)) {
    // NULL equals nothing, and a unique index does not compare it.
    if (typeof value !== 'string' && !Number.isFinite(value))
      fail(`scope.${column} is ${value}; give a string or a number.`)
  }
  if (columns !== undefined && !Array.isArray(columns)) {
    if (!isObject(columns)) fail(`columns is ${JSON.stringify(columns)}; give names, or { member: column }.`)
    for (const [member, named] of Object.entries(columns))
      if (typeof named !== 'string') checkParts(`columns.${member}`, named, ['type'], fail)
  }
  if (version !== false) checkMark('version', version, fail)
  checkMark('lastModified', lastModified, fail)
  checkMark('softDelete', softDelete, fail)
}

function checkMark(option: string, mark: unknown, fail: Fail): void {
  if (mark !== undefined && typeof mark !== 'string') checkParts(option, mark, ['column', 'type'], fail)
}

function checkParts(option: string, named: unknown, required: readonly string[], fail: Fail): void {
  if (!isObject(named)) fail(`${option} is ${JSON.stringify(named)}; give a column, or { column, type }.`)
  const stranger = Object.keys(named).find((name) => name !== 'column' && name !== 'type')
  if (stranger !== undefined) fail(`${option} has no "${stranger}"; it takes column and type.`)
  const missing = required.find((name) => !(name in named))
  if (missing !== undefined) fail(`${option} is ${JSON.stringify(named)}, without its ${missing}.`)
}

function checkHistory(history: SqlHistory, plan: TablePlan, who: string, fail: Fail): void {
  if (typeof history !== 'object' || history === null)
    fail(`history is ${JSON.stringify(history)}; give { table, keepVersions }.`)
  refuseUnknown(`${who}: history`, history, ['table', 'keepVersions'])
  const { table, keepVersions = 1 } = history
  if (!isIdentifier(table, 2)) fail(`history.table ${JSON.stringify(table)} is not a plain identifier.`)
  if (table === plan.table) fail('history.table is the table of the resources; give it another one.')
  if (!Number.isSafeInteger(keepVersions) || keepVersions < 1)
    fail(`history.keepVersions is ${JSON.stringify(keepVersions)}; give a positive integer, or leave history out.`)
  // Most databases treat VALUE and value as the same column.
  const keyColumns = [...plan.key, ...plan.scope.map(([column]) => column)].map((column) => column.toLowerCase())
  const taken = keyColumns.find((column) => OWN_COLUMNS.has(column))
  if (taken !== undefined) fail(`history has a column "${taken}" of its own, so no key or scope can be called that.`)
}

function filledIn(options: SqlTable): TablePlan {
  const { key = 'id', keyType = 'text', scope = {}, version = 'version', lastModified, softDelete } = options
  const keys = typeof key === 'string' ? [key] : [...key]
  return {
    table: options.table,
    key: keys,
    keyTypes: typeof keyType === 'string' ? keys.map(() => keyType) : [...keyType],
    keySeparator: options.keySeparator ?? '/',
    scope: Object.entries(scope),
    json: options.json,
    members: options.columns === undefined ? [] : membersOf(options.columns),
    version: typeof version === 'string' ? { column: version, type: 'text' } : version || undefined,
    lastModified: typeof lastModified === 'string' ? { column: lastModified, type: 'date' } : lastModified,
    softDelete: typeof softDelete === 'string' ? { column: softDelete, type: 'date' } : softDelete,
    history: options.history && { keepVersions: 100, ...options.history },
  }
}

function membersOf(columns: NonNullable<SqlTable['columns']>): MemberColumn[] {
  if (Array.isArray(columns)) return columns.map((column: string) => ({ member: column, column, type: 'plain' }))
  return Object.entries(columns).map(([member, named]) =>
    typeof named === 'string'
      ? { member, column: named, type: 'plain' }
      : { member, column: named.column ?? member, type: named.type },
  )
}

/** Kysely quotes names too. This check makes a mistake show when the app starts, not as a query that fails later. */
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/

function isIdentifier(name: unknown, mostParts: number): boolean {
  if (typeof name !== 'string') return false
  const parts = name.split('.')
  return parts.length <= mostParts && parts.every((part) => IDENTIFIER.test(part))
}

function namesIn(plan: TablePlan): Array<readonly [option: string, name: unknown]> {
  return [
    ...plan.key.map((name) => ['key', name] as const),
    ...plan.scope.map(([name]) => ['scope', name] as const),
    ...plan.members.map(({ column }) => ['columns', column] as const),
    ...(plan.json === undefined ? [] : [['json', plan.json] as const]),
    ...(['version', 'lastModified', 'softDelete'] as const).flatMap((option) => {
      const named = plan[option]
      return named ? [[option, named.column] as const] : []
    }),
  ]
}

function typesIn(plan: TablePlan): Array<readonly [option: string, type: string, types: readonly string[]]> {
  return [
    ...plan.keyTypes.map((type) => ['keyType', type, ['text', 'integer', 'uuid', 'sha256']] as const),
    ...plan.members.map(
      ({ type }) => ['columns', type, ['plain', 'json', 'boolean', 'number', 'date', 'text']] as const,
    ),
    ['version', plan.version?.type ?? 'text', ['text', 'bigint', 'integer']],
    ['lastModified', plan.lastModified?.type ?? 'date', ['date', 'ms']],
    ['softDelete', plan.softDelete?.type ?? 'date', ['date', 'boolean']],
  ]
}
