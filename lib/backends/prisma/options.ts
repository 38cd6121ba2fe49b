import { refuseUnknown } from '../../options'
import { datingClock } from '../../timing/later-date'

type Data = Readonly<Record<string, unknown>>
type Found = Record<string, unknown>

/** The part of a model's delegate, such as `prisma.article`, that is used. */
export interface PrismaDelegate {
  // Methods, not properties, because a generated client takes narrower arguments than these.
  findUnique(args: { where: Data }): PromiseLike<Found | null>
  create(args: { data: Data }): PromiseLike<Found>
  updateMany(args: { where: Data; data: Data }): PromiseLike<{ count: number }>
  deleteMany(args: { where: Data }): PromiseLike<{ count: number }>
}

/** `plain`: a text, a number, a boolean or an enum, or a list of them. */
export type PrismaFieldType = 'plain' | 'json' | 'number' | 'date'

/**
 * A field that is a member of the value, and its type as the client reports it. The client does not report which fields
 * are lists.
 */
export interface PrismaField {
  readonly name: string
  readonly type: PrismaFieldType
  /** `String`, `Int`, `Json`, or the name of an enum; `undefined` if the client does not report it. */
  readonly typeName: string | undefined
}

/** How a version is kept in its column. */
export type PrismaVersionType = 'text' | 'bigint' | 'integer'

/** The model, and what its fields hold. */
export interface PrismaAdapterOptions {
  /** A model of the client, such as `prisma.article`. */
  readonly model: object
  /** The field of the key, which is `@id` or `@unique` in the model. Default: `id`. */
  readonly key?: string
  /** `'integer'` for an `Int`: a key that is not an integer is not found. Default: `'text'`. */
  readonly keyType?: 'text' | 'integer'
  /** A `String` field that holds the whole value as JSON. Either this or `fields`. */
  readonly json?: string
  /**
   * The fields that make up the value: a list of names, or names with types. Other fields are left as they are. No part
   * of a value reaches Prisma as an operation such as `{ increment: 1 }`.
   */
  readonly fields?: readonly string[] | Readonly<Record<string, PrismaFieldType>>
  /**
   * The field of the version. Default: `version`. A `String` (the default for a plain name) holds random texts. A
   * `BigInt` counts up from the time of creation. An `Int` counts up from 1: a resource that is removed and created
   * again then has versions that it had before.
   */
  readonly version?: string | { readonly field: string; readonly type: PrismaVersionType }
  /** A `DateTime` field with the time of the last change. */
  readonly lastModified?: string
  /** A removal sets this `DateTime?` field and keeps the row. Clients then get 410. */
  readonly softDelete?: string
  /** The database generates keys: the adapter then has `create`. */
  readonly generatedKeys?: boolean
  /** The clock behind `lastModified`, in milliseconds. */
  readonly now?: () => number
}

/** The options, with all defaults filled in. */
export interface PrismaPlan {
  readonly model: PrismaDelegate
  /** `undefined` if the client does not report it. */
  readonly modelName: string | undefined
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
    modelName: modelNameOf(model),
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

/** The type of a field, as `prisma.article.fields` reports it. */
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

/** Each field of `prisma.article.fields` has it. */
function modelNameOf(model: object): string | undefined {
  const { fields } = model as { fields?: Readonly<Record<string, { readonly modelName?: unknown } | undefined>> }
  const modelName = Object.values(Object(fields) as NonNullable<typeof fields>)[0]?.modelName
  return typeof modelName === 'string' ? modelName : undefined
}

const METHODS = ['findUnique', 'create', 'updateMany', 'deleteMany'] as const

function isDelegate(model: unknown): model is PrismaDelegate {
  if (typeof model !== 'object' || model === null) return false
  return METHODS.every((name) => typeof (model as Record<string, unknown>)[name] === 'function')
}

function fail(what: string): never {
  throw new TypeError(`prismaAdapter(): ${what}`)
}
