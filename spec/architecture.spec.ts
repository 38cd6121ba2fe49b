import { join } from 'node:path'
import ts from 'typescript'
import { exportsOf, nodesOf, pathsIn, ROOT, readSources, type Source } from './sources'

const sources = readSources()

const CONTRACTS = ['adapter.ts', 'deadline.ts', 'lock.ts', 'store.ts', 'store-fault.ts', 'stored-file.ts']
const PURE = ['change.ts', 'conflicts.ts', 'lifecycle.ts', 'store-errors.ts', 'store-error-codes.ts', 'tag.ts']
const VALUES = ['http/', 'json/']
/** What an option has to be: asked when an app starts. */
const CHECKS = ['expectations.ts', 'known-options.ts']
const STAGES = [...VALUES, ...CONTRACTS, ...PURE, ...CHECKS, 'idempotency/', 'middleware/']
const NODE = ['node:']

/** Who may import what. A name that ends in `/` or `:` stands for all that begins with it. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'http/': VALUES,
  'json/': VALUES,
  ...Object.fromEntries(CONTRACTS.map((contract) => [contract, CONTRACTS])),
  'stored-file.ts': [...CONTRACTS, 'node:stream'],
  ...Object.fromEntries(PURE.map((file) => [file, [...VALUES, ...CONTRACTS, ...PURE]])),
  'known-options.ts': [],
  'expectations.ts': ['known-options.ts', 'json/'],
  'tag.ts': [...VALUES, ...CONTRACTS, ...PURE, 'known-options.ts', 'etag', 'node:crypto'],
  // Over the contract of stores: nothing of Express, and nothing of a database.
  'idempotency/': [
    ...VALUES,
    ...CONTRACTS,
    'conflicts.ts',
    'idempotency/',
    'records/sha256.ts',
    'node:crypto',
    'node:buffer',
    'node:timers/promises',
  ],
  // Each has its own client library too, by name, and may ask what an error of it says.
  'adapters/sql.ts': [...CONTRACTS, 'json/', 'store-errors.ts', 'adapters/sql/', 'sql/', ...NODE, 'kysely'],
  'adapters/sql/': [...CONTRACTS, 'json/', 'store-errors.ts', 'adapters/sql/', 'sql/', ...NODE, 'kysely'],
  'adapters/prisma.ts': [...CONTRACTS, 'json/', 'store-errors.ts', 'adapters/prisma/', 'sql/faults.ts', ...NODE],
  'adapters/prisma/': [...CONTRACTS, 'json/', 'adapters/prisma/', 'sql/storable-text.ts', ...NODE],
  'adapters/file.ts': [...CONTRACTS, 'json/', 'files/', 'adapters/file/', ...NODE],
  'adapters/file/': [...CONTRACTS, 'json/', 'files/', 'adapters/file/', ...NODE],
  'adapters/': [...CONTRACTS, 'json/', 'redis/', 'adapters/memory/', ...NODE],
  'leases/': [...CONTRACTS, 'leases/'],
  'locks/': [...CONTRACTS, ...CHECKS, 'leases/', 'files/', 'redis/', 'json/', ...NODE],
  'stores/sql.ts': [...CONTRACTS, 'records/', 'sql/', 'stores/sql/', 'kysely'],
  'stores/file.ts': [...CONTRACTS, 'files/', 'records/', 'stores/file/', ...NODE],
  'stores/file/': ['files/', 'stores/file/', ...NODE],
  'stores/sql/': [...CONTRACTS, 'sql/', 'kysely'],
  'stores/': [...CONTRACTS, 'json/', 'records/', 'redis/', ...NODE],
  'records/': ['records/', 'node:crypto'],
  // How adapters, locks and stores of one service talk to it.
  'files/': ['files/', ...NODE],
  'redis/': [...CONTRACTS, 'redis/', 'node:crypto'],
  'sql/': [...CONTRACTS, 'store-errors.ts', 'sql/', ...NODE, 'kysely'],
  'middleware/': [...STAGES, ...NODE, 'express', 'send', 'ajv', 'ajv/', 'ajv-formats'],
  'detect-conflicts.ts': [...STAGES],
  'edit-lock-router.ts': [...STAGES, 'express'],
  'resource-router.ts': [...STAGES, 'detect-conflicts.ts', 'edit-lock-router.ts', 'express'],
  'metrics/': ['conflicts.ts', ...CHECKS, 'metrics/', '@opentelemetry/api'],
  'testing/': [...CONTRACTS, 'known-options.ts', 'testing/', ...NODE],
  'client/': [...VALUES, 'client/'],
  'retry-on-conflict.ts': ['conflicts.ts', 'node:timers/promises'],
  'index.ts': [
    'retry-on-conflict.ts',
    ...STAGES,
    'adapters/',
    'locks/',
    'stores/',
    'detect-conflicts.ts',
    'edit-lock-router.ts',
    'resource-router.ts',
  ],
}

const covers = (pattern: string, name: string) =>
  pattern === name || (/[/:]$/.test(pattern) && name.startsWith(pattern))

const ruleFor = ({ path }: Source) =>
  MAY_IMPORT[path] ?? Object.entries(MAY_IMPORT).find(([pattern]) => covers(pattern, path))?.[1]

describe('who imports whom', () => {
  test('there are sources, and the table names them all', () => {
    expect(sources.length).toBeGreaterThan(50)
    expect(sources.filter((source) => ruleFor(source) === undefined).map(({ path }) => path)).toEqual([])
  })

  test.each(sources.map((source) => [source.path, source] as const))('%s imports what it may', (_, source) => {
    const allowed = ruleFor(source) ?? []
    expect(source.imports.filter((name) => !allowed.some((pattern) => covers(pattern, name)))).toEqual([])
  })

  test('an adapter, a lock manager or a store imports no other one', () => {
    // `adapters/sql.ts` and all of `adapters/sql/` are one.
    const backEndOf = (path: string) => /^(?:adapters|locks|stores)\/[^/.]+/.exec(path)?.[0]
    const others = ({ path, imports }: Source) =>
      imports.filter((name) => backEndOf(name) !== undefined && backEndOf(name) !== backEndOf(path))
    const backEnds = sources.filter(({ path }) => backEndOf(path) !== undefined)
    expect(backEnds.flatMap(others)).toEqual([])
  })

  test('every import of a file of the library finds it', () => {
    const paths = new Set(sources.map(({ path }) => path))
    const missing = sources.flatMap(({ imports }) => imports.filter((name) => name.endsWith('.ts') && !paths.has(name)))
    expect(missing).toEqual([])
  })

  test('there are no cycles, not even of types', () => {
    const byPath = new Map(sources.map((source) => [source.path, source]))
    const done = new Set<string>()
    const cycles: string[] = []
    const visit = (path: string, above: readonly string[]): void => {
      if (above.includes(path)) cycles.push([...above.slice(above.indexOf(path)), path].join(' -> '))
      if (above.includes(path) || done.has(path)) return
      for (const name of byPath.get(path)?.imports ?? []) visit(name, [...above, path])
      done.add(path)
    }
    for (const { path } of sources) visit(path, [])
    expect(cycles).toEqual([])
  })
})

const where = (node: ts.Node) =>
  `${node.getSourceFile().fileName}:${node.getSourceFile().getLineAndCharacterOfPosition(node.getStart()).line + 1}`

/** Where nodes stand that a test of them says should not. */
const places = (found: (node: ts.Node) => boolean, among: readonly Source[] = sources) =>
  among.flatMap(({ tree }) => [...nodesOf(tree)].filter(found).map(where))

const isDefaultExport = (node: ts.Node) =>
  ts.isExportAssignment(node) || (node.kind === ts.SyntaxKind.DefaultKeyword && !ts.isDefaultClause(node.parent))

describe('how it is written', () => {
  test('nothing is any', () => {
    expect(places(({ kind }) => kind === ts.SyntaxKind.AnyKeyword)).toEqual([])
  })

  test('nothing writes to the console but the logger that the responder has by default', () => {
    const others = sources.filter(({ path }) => path !== 'middleware/respond-to-conflicts.ts')
    expect(places((node) => ts.isIdentifier(node) && node.text === 'console', others)).toEqual([])
  })

  test('exports have names', () => {
    expect(places(isDefaultExport)).toEqual([])
  })

  test('classes are for errors', () => {
    expect(places((node) => ts.isClassDeclaration(node) && !/Error$/.test(node.name?.text ?? ''))).toEqual([])
  })

  test('no type is asserted that is not known: no "!", no enum, no namespace', () => {
    expect(
      places((node) => ts.isNonNullExpression(node) || ts.isEnumDeclaration(node) || ts.isModuleDeclaration(node)),
    ).toEqual([])
  })

  test('loading a file does nothing, as sideEffects: false promises', () => {
    const isDeclaration = (statement: ts.Statement) =>
      ts.isImportDeclaration(statement) ||
      ts.isExportDeclaration(statement) ||
      ts.isVariableStatement(statement) ||
      ts.isFunctionDeclaration(statement) ||
      ts.isClassDeclaration(statement) ||
      ts.isInterfaceDeclaration(statement) ||
      ts.isTypeAliasDeclaration(statement)
    expect(sources.flatMap(({ tree }) => tree.statements.filter((each) => !isDeclaration(each)).map(where))).toEqual([])
    expect(require(join(ROOT, 'package.json')).sideEffects).toBe(false)
  })
})

const ENTRIES = [
  'index.ts',
  'testing/index.ts',
  'client/index.ts',
  ...sources.map(({ path }) => path).filter((path) => /^(?:locks|stores)\/[^/]+$/.test(path)),
]

describe('how it is laid out', () => {
  test('names of files and folders are in kebab-case', () => {
    expect(pathsIn('lib').filter((path) => !/^([a-z0-9]+(-[a-z0-9]+)*[/.])+ts$/.test(path))).toEqual([])
  })

  test('a thing lives with what it is about', () => {
    const vague = /(^|\/)(utils?|types?|helpers?|common|misc|shared)(\/|\.ts$)/
    expect(pathsIn('lib').filter((path) => vague.test(path))).toEqual([])
  })

  test('index.ts only re-exports, by name', () => {
    const indexes = sources.filter(({ path }) => /(^|\/)index\.ts$/.test(path))
    const others = indexes.flatMap(({ tree }) => tree.statements.filter((each) => !ts.isExportDeclaration(each)))
    expect(others.map(where)).toEqual([])
  })

  test.each(ENTRIES)('what %s exports has a doc comment', (path) => {
    const bare = [...exportsOf(path, sources)].filter(([, node]) => ts.getJSDocCommentsAndTags(node).length === 0)
    expect(bare.map(([name]) => name)).toEqual([])
  })
})
