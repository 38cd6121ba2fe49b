import { CONFLICTS, type ConflictKind } from '../conflicts/conflicts'
import { checkOptions } from '../options'
import { problemSchema } from './problems'

/** The options of a resource's chain that appear in its description. */
export interface DescribedResource {
  readonly name: string
  /** A JSON Schema becomes the schema of bodies; anything else is described as an object. */
  readonly schema?: unknown
  readonly preconditions?: { readonly required?: boolean | 'version' | undefined } | undefined
  readonly create?: readonly ('PUT' | 'POST')[] | undefined
  readonly idempotency?: { readonly required?: boolean | undefined } | undefined
  readonly editLocks?: unknown
  readonly lock?: unknown
}

/** The paths and operations to describe. */
export interface GuardedPathsOptions {
  /** The path of one resource in OpenAPI notation: `/articles/{id}`. */
  readonly path: string
  /** The operations to describe. Default: all that `resourceRouter` has. */
  readonly methods?: readonly ('get' | 'head' | 'put' | 'patch' | 'delete' | 'post')[]
}

/** Parts of an OpenAPI 3.1 description. */
export interface GuardedPaths {
  readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>>
  readonly components: {
    readonly schemas: Readonly<Record<string, object>>
    readonly headers: Readonly<Record<string, object>>
  }
}

const METHODS = ['get', 'head', 'put', 'patch', 'delete', 'post'] as const
type Method = (typeof METHODS)[number]

const EXPECTED = {
  path: {
    holds: (value: unknown) => typeof value === 'string' && /^(\/[^/{}]+|\/\{\w+\})*\/\{\w+\}$/.test(value),
    what: 'a path of OpenAPI that ends with the key of the resource, such as "/articles/{id}"',
  },
  methods: {
    holds: (value: unknown) => Array.isArray(value) && value.every((each) => METHODS.includes(each)),
    what: `a list of ${METHODS.join(', ')}`,
  },
}

/**
 * Describes the routes of a guarded resource: parameters, header fields, and every refusal with the schema of its
 * problem. Takes the options of the chain, or a definition.
 */
export function guardedPaths(
  resource: DescribedResource | { readonly options: DescribedResource },
  options: GuardedPathsOptions,
): GuardedPaths {
  checkOptions('guardedPaths()', options, EXPECTED, ['path'])
  const described = 'options' in resource ? resource.options : resource
  const { path, methods = METHODS } = options
  const schema = `${described.name}`.replace(/[^\w.-]/g, '_')
  const [, collection = '/', parameter = 'id'] = /^(.*)\/\{(\w+)\}$/.exec(path) ?? []
  const operations = methods
    .filter((method) => method !== 'post')
    .map((method) => [method, operation(described, schema, method)])
  const item = { parameters: parametersOf(path), ...Object.fromEntries(operations) }
  const create = methods.includes('post') && (described.create ?? ['PUT', 'POST']).includes('POST')
  const above = parametersOf(collection)
  const post = { ...(above.length > 0 ? { parameters: above } : {}), post: operation(described, schema, 'post') }
  return {
    paths: { [path]: item, ...(create ? { [collection === '' ? '/' : collection]: post } : {}) },
    components: { schemas: { [schema]: bodySchema(described.schema, parameter), ...PROBLEMS }, headers: HEADERS },
  }
}

function parametersOf(path: string): object[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
}

function bodySchema(schema: unknown, key: string): object {
  const isJsonSchema = typeof schema === 'object' && schema !== null && !('~standard' in schema)
  return isJsonSchema ? schema : { type: 'object', description: `One resource, known by its ${key}.` }
}

const HEADERS = {
  ETag: { description: 'The current version, for If-Match and If-None-Match.', schema: { type: 'string' } },
  LastModified: { description: 'When it was changed; in whole seconds.', schema: { type: 'string' } },
  Location: { description: 'Where the new resource is.', schema: { type: 'string', format: 'uri-reference' } },
  RetryAfter: { description: 'Seconds after which the same request may succeed.', schema: { type: 'integer' } },
  CacheControl: { description: 'Reads are revalidated, problems are not stored.', schema: { type: 'string' } },
  IdempotencyReplayed: { description: '"true": the first answer to this key.', schema: { type: 'string' } },
} as const

const STATUSES = [400, 403, 404, 409, 410, 412, 413, 415, 422, 423, 428, 503] as const
type Refusal = (typeof STATUSES)[number]

const PROBLEMS: Readonly<Record<string, object>> = {
  Problem: problemSchema(),
  ...Object.fromEntries(STATUSES.map((status) => [`Problem${status}`, problemSchema(status)])),
}

/** The statuses with which a method may be refused, whatever the options are. */
const REFUSALS: Readonly<Record<Method, readonly Refusal[]>> = {
  get: [403, 404, 410, 503],
  head: [403, 404, 410, 503],
  put: [400, 403, 404, 409, 410, 412, 413, 415, 422, 503],
  patch: [400, 403, 404, 409, 410, 412, 413, 415, 422, 503],
  delete: [400, 403, 404, 409, 410, 412, 503],
  post: [400, 403, 409, 413, 415, 422, 503],
}

function operation(resource: DescribedResource, schema: string, method: Method): object {
  const { idempotency, editLocks, preconditions } = resource
  const changesOne = method === 'put' || method === 'patch' || method === 'delete'
  const required = preconditions?.required ?? true
  const statuses = [...REFUSALS[method]]
  if (changesOne && required !== false) statuses.push(428)
  if (changesOne && editLocks !== undefined) statuses.push(423)
  if (idempotency !== undefined && !statuses.includes(422) && changesOne) statuses.push(422)
  const parameters = [
    ...conditionsOf(method, required),
    ...(isSafe(method) || !idempotency ? [] : [keyParameter(idempotency)]),
  ]
  const refusals = statuses.sort().map((status) => [String(status), refusal(status, method)])
  return {
    operationId: `${method}_${schema}`,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(method === 'put' || method === 'post' || method === 'patch' ? { requestBody: bodyOf(schema, method) } : {}),
    responses: { ...successOf(schema, resource, method), ...Object.fromEntries(refusals) },
  }
}

const isSafe = (method: Method) => method === 'get' || method === 'head'

function conditionsOf(method: Method, required: boolean | 'version'): object[] {
  const field = (name: string, description: string, isRequired = false) => ({
    ...{ name, in: 'header', required: isRequired, description, schema: { type: 'string' } },
  })
  if (isSafe(method))
    return [field('If-None-Match', 'The tag of the copy that the client has: 304 while it is current.')]
  if (method === 'post') return []
  // A PUT may create the resource, and then there is no tag yet.
  const isNeeded = required !== false && method !== 'put'
  const match = field(
    'If-Match',
    'The tag of the state that the change was made from; 412 where it is another.',
    isNeeded,
  )
  return method === 'put' ? [match, field('If-None-Match', '`*`: only where nothing is stored yet.')] : [match]
}

function keyParameter({ required = false }: { readonly required?: boolean | undefined }): object {
  const description = 'In quotes, new for each change and the same for each repetition: it is carried out once.'
  return { name: 'Idempotency-Key', in: 'header', required, description, schema: { type: 'string' } }
}

const refTo = (schema: string) => ({ schema: { $ref: `#/components/schemas/${schema}` } })

function bodyOf(schema: string, method: Method): object {
  if (method !== 'patch') return { required: true, content: { 'application/json': refTo(schema) } }
  const operation = {
    type: 'object',
    required: ['op', 'path'],
    properties: {
      op: { enum: ['add', 'remove', 'replace', 'move', 'copy', 'test'] },
      path: { type: 'string' },
      from: { type: 'string' },
    },
  }
  return {
    required: true,
    content: {
      'application/merge-patch+json': { schema: { type: 'object' } },
      'application/json-patch+json': { schema: { type: 'array', items: operation } },
    },
  }
}

const header = (name: keyof typeof HEADERS) => ({ $ref: `#/components/headers/${name}` })

function successOf(
  schema: string,
  { create = ['PUT', 'POST'], idempotency }: DescribedResource,
  method: Method,
): object {
  const validators = { ETag: header('ETag'), 'Last-Modified': header('LastModified') }
  const replayed =
    idempotency === undefined || isSafe(method) ? {} : { 'Idempotency-Replayed': header('IdempotencyReplayed') }
  const content = { 'application/json': refTo(schema) }
  const created = {
    description: 'Created.',
    headers: { ...validators, ...replayed, Location: header('Location') },
    content,
  }
  switch (method) {
    case 'get':
    case 'head': {
      const headers = { ...validators, 'Cache-Control': header('CacheControl') }
      return {
        '200': { description: 'The current state.', headers, ...(method === 'get' ? { content } : {}) },
        '304': { description: 'The copy of the client is current.', headers },
      }
    }
    case 'post':
      return { '201': created }
    case 'delete':
      return { '204': { description: 'Removed.', headers: replayed } }
    default: {
      const stored = { '200': { description: 'Stored.', headers: { ...validators, ...replayed }, content } }
      return method === 'put' && create.includes('PUT') ? { ...stored, '201': created } : stored
    }
  }
}

function refusal(status: Refusal, method: Method): object {
  const kinds = (Object.keys(CONFLICTS) as ConflictKind[]).filter((kind) => CONFLICTS[kind].status === status)
  const mayPass = kinds.some((kind) => CONFLICTS[kind].retryable)
  const headers = {
    'Cache-Control': header('CacheControl'),
    ...(status === 412 ? { ETag: header('ETag') } : {}),
    ...(mayPass ? { 'Retry-After': header('RetryAfter') } : {}),
  }
  const content = { 'application/problem+json': refTo(`Problem${status}`) }
  return {
    description: kinds.map((kind) => CONFLICTS[kind].title).join('. '),
    headers,
    ...(method === 'head' ? {} : { content }),
  }
}
