import Ajv from 'ajv'
import {
  type ConflictOptions,
  checkPreconditions,
  defineResource,
  detectConflicts,
  fetchState,
  memoryAdapter,
  resourceRouter,
  signature,
  validateChange,
} from '../../../lib'

const adapter = memoryAdapter<unknown>()
const { read } = adapter
const GOOD = { name: 'article', adapter }

/** Options as JavaScript may give them. */
const given = (options: object) => options as unknown as ConflictOptions<unknown>
const refused = (options: object) => () => detectConflicts(given({ ...GOOD, ...options }))

describe('an option that nobody reads is refused with the one that was probably meant', () => {
  test.each([
    [{ imutable: [] }, 'detectConflicts(): there is no option "imutable". Did you mean "immutable"?'],
    [{ Schema: {} }, 'Did you mean "schema"?'],
    [{ precondition: {} }, 'Did you mean "preconditions"?'],
    [
      { preconditions: { require: true } },
      'detectConflicts(): preconditions: there is no option "require". Did you mean "required"?',
    ],
    [{ lifecycle: { field: '/s', transition: {} } }, 'Did you mean "transitions"?'],
    [{ status: { schemaInvalid: 400 } }, 'Did you mean "schema_invalid"?'],
    [{ xyz: 1 }, 'Known are name, adapter,'],
  ])('%j', (options, message) => {
    expect(refused(options)).toThrow(TypeError)
    expect(refused(options)).toThrow(message)
  })
})

describe('a value that cannot work is refused with the value and the way out', () => {
  test.each<[object, string]>([
    [{ name: '' }, 'name has to be what the resource is called, such as "article"; got "".'],
    [
      { adapter: undefined },
      'adapter has to be a ResourceAdapter with a read method, such as memoryAdapter(); got undefined.',
    ],
    [{ adapter: {} }, 'got {}.'],
    [{ writes: 'app' }, 'writes has to be one of "by-adapter", "by-app"; got "app".'],
    [{ adapter: { read } }, "has no write method. Give it one, or say writes: 'by-app'"],
    [{ key: 'id' }, 'key has to be a function; got "id".'],
    [{ skip: true }, 'skip has to be a function; got true.'],
    [{ path: '' }, 'path has to be a path below the mount, such as "/:id"; got "".'],
    [{ path: '/items' }, 'put the chain on routes'],
    [{ path: '/:id{/:more}' }, 'put the chain on routes'],
    [{ path: ':id' }, 'put the chain on routes'],
    [{ safeMethods: 'QUERY' }, 'safeMethods has to be an array'],
    [
      { safeMethods: ['query'] },
      'safeMethods has to be an array, each of it a method in capital letters, such as "POST"; got ["query"].',
    ],
    [
      { schema: '{}' },
      'schema has to be a JSON Schema, a compiled Ajv validator, or a schema of zod, valibot or ArkType; got "{}".',
    ],
    [{ ajv: {} }, 'ajv has to be an Ajv instance'],
    [{ immutable: ['id'] }, 'got ["id"]. Did you mean "/id"?'],
    [{ writeOnce: '/id' }, 'writeOnce has to be an array'],
    [{ hidden: ['/a~2'] }, 'hidden has to be an array'],
    [{ arrayKeys: { items: '/id' } }, 'arrayKeys has to be an object of JSON Pointers'],
    [{ lifecycle: [] }, 'lifecycle has to be an object; got [].'],
    [{ lifecycle: {} }, 'lifecycle: field has to be a JSON Pointer'],
    [{ lifecycle: { field: 'status' } }, 'Did you mean "/status"?'],
    [{ lifecycle: { field: '/s', transitions: { a: 'b' } } }, 'transitions has to be an object'],
    [
      { lifecycle: { field: '/s', transitions: { draft: ['reviw'], review: [] } } },
      'leads to "reviw", of which nothing is said',
    ],
    [{ lifecycle: { field: '/s', initial: ['x'], transitions: {} } }, 'Add "x": [] to transitions'],
    [{ allow: [] }, 'allow has to be a function'],
    [{ rules: [{}] }, 'rules has to be an array, each of it a function of the change'],
    [{ preconditions: null }, 'preconditions has to be an object; got null.'],
    [{ preconditions: { required: 'yes' } }, 'required has to be one of true, false, "version"; got "yes".'],
    [{ preconditions: { weak: true } }, 'weak has to be one of "refuse", "accept"; got true.'],
    [{ preconditions: { tagSuffixes: [''] } }, 'tagSuffixes has to be an array'],
    [{ preconditions: { versionField: 'rev' } }, 'Did you mean "/rev"?'],
    [{ preconditions: { versionQuery: '' } }, 'versionQuery has to be a non-empty string'],
    [{ preconditions: { notModified: false } }, 'notModified has to be one of "early", "late"; got false.'],
    [{ tag: 'hash' }, `tag has to be 'version', contentHash() or signature({ secret }); got "hash".`],
    [{ tagHeader: 'X Tag' }, 'tagHeader has to be the name of a header field; got "X Tag".'],
    [{ alreadyApplied: ['POST'] }, 'alreadyApplied has to be an array'],
    [{ create: ['PATCH'] }, 'create has to be an array, each of it one of "PUT", "POST"; got ["PATCH"].'],
    [{ generateKey: 'uuid' }, 'generateKey has to be a function'],
    [{ keyPointer: 'id' }, 'Did you mean "/id"?'],
    [{ location: '/articles' }, 'location has to be a function'],
    [{ constraints: [] }, 'constraints has to be an object'],
    [{ constraints: { slug_key: 'slug' } }, 'each member of it a JSON Pointer or several, such as "/slug"; got'],
    [{ constraints: { slug_key: ['/tenant', 'slug'] } }, 'a JSON Pointer or several'],
    [{ constraints: { slug_key: [] } }, 'a JSON Pointer or several'],
    [{ deadlineMs: 0 }, 'deadlineMs has to be a number of milliseconds above 0; got 0.'],
    [{ deadlineMs: Number.POSITIVE_INFINITY }, 'deadlineMs has to be a number'],
    [{ status: { immutable_field: 418 } }, 'immutable_field has to be one of 400, 409, 422; got 418.'],
    [{ expose: true }, 'expose has to be a function; got true.'],
    [{ onConflict: 'log' }, 'onConflict has to be a function'],
  ])('%j', (options, message) => {
    expect(refused(options)).toThrow(TypeError)
    expect(refused(options)).toThrow(message)
  })

  test.each([undefined, null, 'article', []])('options that are %j are none', (options) => {
    expect(() => detectConflicts(options as never)).toThrow('detectConflicts(): expected options, got')
  })
})

test.each([
  ['fetchState', fetchState],
  ['validateChange', validateChange],
  ['checkPreconditions', checkPreconditions],
  ['detectConflicts', detectConflicts],
  ['defineResource', defineResource],
] as const)('%s() names itself', (name, factory) => {
  expect(() => (factory as (options: object) => unknown)(given({ ...GOOD, nmae: 1 }))).toThrow(
    `${name}(): there is no option "nmae"`,
  )
})

test('what is undefined was left out', () => {
  expect(refused({ schema: undefined, path: undefined, preconditions: undefined, lifecycle: undefined })).not.toThrow()
})

test('neither the options nor what they hold is changed', () => {
  const freeze = <V>(value: V): V => {
    if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(freeze)
    return value
  }
  const options = freeze({
    name: 'article',
    schema: { type: 'object', properties: { id: { type: 'string', readOnly: true } } },
    immutable: ['/id'],
    lifecycle: { field: '/status', frozen: ['archived'] },
    preconditions: { required: true },
  })
  expect(() => resourceRouter<unknown>({ ...options, adapter })).not.toThrow()
})

describe('a schema', () => {
  test('that is wrong is refused when the app starts', () => {
    expect(refused({ schema: { type: 'objekt' } })).toThrow(/schema is invalid/)
  })

  test('with $async is refused', () => {
    expect(refused({ schema: { $async: true, type: 'object' } })).toThrow('"$async" schemas are not supported')
  })

  test('may not be compiled by an Ajv that lets clients bring patterns', () => {
    expect(refused({ schema: {}, ajv: new Ajv({ $data: true }) })).toThrow(
      'the Ajv instance has $data without code.regExp',
    )
  })

  test.each([undefined, 'http://json-schema.org/draft-07/schema#', 'https://json-schema.org/draft/2020-12/schema'])(
    'of $schema %s is understood',
    ($schema) => {
      expect(refused({ schema: { ...($schema && { $schema }), type: 'object' } })).not.toThrow()
    },
  )
})

test('a short secret is refused', () => {
  expect(() => signature({ secret: 'short' })).toThrow('a secret of 5 bytes can be guessed; give at least 32 bytes.')
  expect(() => signature({ secret: 's'.repeat(32), previousSecrets: ['old'] })).toThrow('a secret of 3 bytes')
})

test('a chain names its stages and itself', () => {
  const chain = detectConflicts(GOOD)
  expect([chain.name, chain.stages]).toEqual([
    'detectConflictsMiddleware',
    ['fetchState', 'validateChange', 'checkPreconditions'],
  ])
})
