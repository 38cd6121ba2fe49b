import { refuseUnknown } from '../../options'
import { datingClock } from '../../timing/later-date'

type Data = Readonly<Record<string, unknown>>
type Found = Record<string, unknown>

/** What is used of a model's delegate, such as `prisma.article`. */
export interface PrismaDelegate {
  // Methods, not properties: the arguments of a generated client are narrower than these.
  findUnique(args: { where: Data }): PromiseLike<Found | null>
  create(args: { data: Data }): PromiseLike<Found>
  updateMany(args: { where: Data; data: Data }): PromiseLike<{ count: number }>
  deleteMany(args: { where: Data }): PromiseLike<{ count: number }>
}

/** `plain`: a text, a number, a boolean or an enum, or a list of them. */
export type PrismaFieldType = 'plain' | 'json' | 'number' | 'date'

/** A field that makes a member, and what the client says of it. It does not say which fields are lists. */
export interface PrismaField {
  readonly name: string
  readonly type: PrismaFieldType
  /** `String`, `Int`, `Json`, the name of an enum; `undefined` where the client does not tell. */
  readonly typeName: string | undefined
}

/** How a version is kept in its column. */
export type PrismaVersionType = 'text' | 'bigint' | 'integer'

/** A model, and which of its fields are what. */
export interface PrismaAdapterOptions {
  /** A model of the client, such as `prisma.article`. */
  readonly model: object
  /** The field of the key, which the model has as `@id` or `@unique`. Default: `id`. */
  readonly key?: string
  /** `'integer'` for an `Int`: what is none finds nothing. Default: `'text'`. */
  readonly keyType?: 'text' | 'integer'
  /** A `String` field that holds the whole value as JSON. Either this or `fields`. */
  readonly json?: string
  /**
   * The fields that make the value, names alone or with a type. Fields that are not named stay what they are, and
   * nothing of a value reaches Prisma as an operation of its own.
   */
  readonly fields?: readonly string[] | Readonly<Record<string, PrismaFieldType>>
  /**
   * The field of the version. A `String` (what a name alone means) holds random texts, a `BigInt` counts up from the
   * time of its creation. An `Int` counts up from 1: what is removed and made again then has versions that it had before.
   */
  readonly version?: string | { readonly field: string; readonly type: PrismaVersionType }
  /** A `DateTime` field with the last change. */
  readonly lastModified?: string
  /** A `DateTime?` field that a removal sets, keeping the row: clients get 410. */
  readonly softDelete?: string
  /** The database gives keys: the adapter then has `create`. */
  readonly generatedKeys?: boolean
  /** The clock behind `lastModified`, in milliseconds. */
  readonly now?: () => number
}

/** The same with every default filled in. */
export interface PrismaPlan {
  readonly model: PrismaDelegate
  readonly key: string
  readonly keyType: 'text' | 'integer'
  readonly json: string | undefined
  readonly fields: readonly PrismaField[]
  readonly version: { readonly field: string; readonly type: PrismaVersionType }
  readonly lastModified: string | undefined
  readonly softDelete: string | undefined
  readonly generatedKeys: boolean
  readonly now: () => number
}

const OPTIONS = 'model key keyType json fields version lastModified softDelete generatedKeys now'.split(' ')

export function prismaPlan(options: PrismaAdapterOptions): PrismaPlan {
  refuseUnknown('prismaAdapter()', options, OPTIONS)
  const { model, key = 'id', keyType = 'text', json, fields = [], version = 'version' } = options
  const { lastModified, softDelete, generatedKeys = false, now = Date.now } = options
  if (!isDelegate(model)) fail('model is no model of a Prisma client; give one, such as prisma.article.')
  if ((json === undefined) === (options.fields === undefined)) fail('give either json or fields.')
  if (!['text', 'integer'].includes(keyType)) fail(`keyType is ${JSON.stringify(keyType)}; say 'text' or 'integer'.`)
  const named = Array.isArray(fields)
    ? fields.map((field: string) => [field, 'plain'] as const)
    : (Object.entries(fields) as Array<[string, PrismaFieldType]>)
  const wrong = named.find(([, type]) => !['plain', 'json', 'number', 'date'].includes(type))
  if (wrong)
    fail(`the field "${wrong[0]}" cannot be of type ${JSON.stringify(wrong[1])}; say plain, json, number or date.`)
  const versionField = typeof version === 'string' ? { field: version, type: 'text' as const } : version
  if (!['text', 'bigint', 'integer'].includes(versionField.type))
    fail(`version cannot be of type ${JSON.stringify(versionField.type)}; say text, bigint or integer.`)
  const marks = [versionField.field, lastModified, softDelete, json].filter((name) => name !== undefined)
  const names = [key, ...marks, ...named.map(([field]) => field).filter((field) => field !== key)]
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) fail(`the field "${twice}" is named for two purposes.`)
  return {
    model,
    key,
    keyType,
    json,
    fields: named.map(([name, type]) => ({ name, type, typeName: typeNameOf(model, name) })),
    version: versionField,
    lastModified,
    softDelete,
    generatedKeys,
    now: datingClock(now),
  }
}

/** What `prisma.article.fields` says of a field. */
function typeNameOf(model: object, name: string): string | undefined {
  const { fields } = model as { fields?: Readonly<Record<string, { readonly typeName?: unknown } | undefined>> }
  if (typeof fields !== 'object' || fields === null) return undefined
  const typeName = fields[name]?.typeName
  if (typeName === 'Bytes') fail(`the field "${name}" is of type Bytes, which JSON has not; leave it out.`)
  if (fields[name] === undefined)
    fail(
      `the model has no field "${name}"; it has ${Object.keys(fields).join(', ')}. A relation is no field: name the scalar.`,
    )
  return typeof typeName === 'string' ? typeName : undefined
}

const METHODS = ['findUnique', 'create', 'updateMany', 'deleteMany'] as const

function isDelegate(model: unknown): model is PrismaDelegate {
  if (typeof model !== 'object' || model === null) return false
  return METHODS.every((name) => typeof (model as Record<string, unknown>)[name] === 'function')
}

function fail(what: string): never {
  throw new TypeError(`prismaAdapter(): ${what}`)
}
