import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import ts from 'typescript'
import { exportsOf, nodesOf, pathsIn, ROOT, readSources, type Source } from './sources'

const sources = readSources()

/** Rooms that know nothing but values, time and each other. */
const GROUND = ['http/', 'json/', 'timing/', 'options.ts']
const RULES = [...GROUND, 'contracts/', 'conflicts/', 'rules/', 'idempotency/']
const NODE = ['node:']
const SHARED_BY_BACK_ENDS = [
  'contracts/',
  'json/',
  'timing/',
  'conflicts/',
  'options.ts',
  'backends/leases/',
  'backends/records/',
]

/** Who may import what. A name that ends in `/` or `:` stands for all that begins with it. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'http/': ['http/', 'json/', 'timing/'],
  'json/': ['json/', 'node:crypto'],
  'timing/': ['timing/', 'node:timers/promises'],
  'options.ts': ['json/'],
  'contracts/': ['contracts/', 'node:stream'],
  'conflicts/': [...GROUND, 'contracts/', 'conflicts/', 'node:diagnostics_channel', 'node:http'],
  'rules/': [...GROUND, 'contracts/', 'conflicts/', 'rules/', 'etag', 'node:crypto'],
  // Over the contract of stores: nothing of Express, and nothing of a database.
  'idempotency/': [...RULES, 'node:crypto', 'node:buffer', 'node:timers/promises'],
  'backends/leases/': ['contracts/', 'timing/', 'backends/leases/'],
  'backends/records/': ['json/', 'backends/records/'],
  // Each has its own client library too, by name, and may ask what an error of it says.
  'backends/cache/': ['contracts/', 'options.ts', 'backends/cache/', 'lru-cache'],
  'backends/file/': [...SHARED_BY_BACK_ENDS, 'backends/file/', ...NODE],
  'backends/memory/': [...SHARED_BY_BACK_ENDS, 'backends/memory/', ...NODE],
  'backends/mongodb/': [...SHARED_BY_BACK_ENDS, 'backends/mongodb/', ...NODE],
  'backends/mysql/': [...SHARED_BY_BACK_ENDS, 'backends/mysql/', ...NODE],
  'backends/postgres/': [...SHARED_BY_BACK_ENDS, 'backends/postgres/', ...NODE],
  'backends/prisma/': [...SHARED_BY_BACK_ENDS, 'backends/prisma/', 'backends/sql/run-statement.ts', ...NODE],
  'backends/redis/': [...SHARED_BY_BACK_ENDS, 'backends/redis/', ...NODE],
  'backends/sql/': [...SHARED_BY_BACK_ENDS, 'backends/sql/', ...NODE, 'kysely'],
  'backends/zookeeper/': [...SHARED_BY_BACK_ENDS, 'backends/zookeeper/', ...NODE],
  'schema/': ['schema/', 'json/', 'ajv', 'ajv/', 'ajv-formats'],
  'middleware/': [...RULES, 'schema/', 'middleware/', ...NODE, 'express', 'send'],
  'detect-conflicts.ts': [...RULES, 'schema/', 'middleware/'],
  'change-stream.ts': [...RULES, 'middleware/', 'express'],
  'edit-lock-router.ts': [...RULES, 'middleware/', 'express'],
  'resource-router.ts': [...RULES, 'middleware/', 'detect-conflicts.ts', 'edit-lock-router.ts', 'express'],
  // It looks at any API, so it knows nothing of ours.
  'audit/': ['http/', 'audit/', ...NODE],
  'dashboard/': ['conflicts/', 'contracts/', 'options.ts', 'dashboard/', ...NODE],
  'openapi/': ['conflicts/', 'contracts/', 'options.ts', 'openapi/', 'node:http'],
  'metrics/': ['conflicts/', 'contracts/', 'options.ts', 'metrics/', '@opentelemetry/api'],
  'testing/': ['contracts/', 'options.ts', 'testing/', ...NODE],
  'client/': ['http/', 'json/', 'options.ts', 'client/'],
  'index.ts': [
    ...RULES,
    'middleware/',
    'backends/memory/',
    'change-stream.ts',
    'detect-conflicts.ts',
    'edit-lock-router.ts',
    'resource-router.ts',
  ],
}

/** The rooms of the middleware, from the top floor down. Each imports itself and lower ones only, so no two make a circle. */
const FLOORS = [
  'watching',
  'stages',
  'uploads',
  'handlers',
  'idempotency',
  'chain',
  'commit',
  'change',
  'state',
  'preconditions',
  'edit-locks',
  'request',
  'options',
]

const floorOf = (path: string) => {
  const [, room] = /^middleware\/([^/]+)\//.exec(path) ?? []
  return room === undefined ? undefined : FLOORS.indexOf(room)
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

  test('every import of a file of the library finds it', () => {
    const paths = new Set(sources.map(({ path }) => path))
    const missing = sources.flatMap(({ imports }) => imports.filter((name) => name.endsWith('.ts') && !paths.has(name)))
    expect(missing).toEqual([])
  })

  test('every room of the middleware has its floor', () => {
    const rooms = new Set(pathsIn('lib/middleware').map((path) => path.split('/')[0]))
    expect([...rooms].sort()).toEqual([...FLOORS].sort())
  })

  test('no room of the middleware imports a higher one', () => {
    const upwards = sources.flatMap(({ path, imports }) => {
      const from = floorOf(path)
      return imports
        .filter((name) => from !== undefined && from > (floorOf(name) ?? Number.POSITIVE_INFINITY))
        .map((name) => `${path} imports ${name}`)
    })
    expect(upwards).toEqual([])
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

/** The conformance kits start it as a process: no file loads it, but for its types. */
const STARTED = 'testing/processes/racer.ts'

const importsAtRunTime = (tree: ts.SourceFile) =>
  tree.statements
    .filter(ts.isImportDeclaration)
    .filter(({ importClause }) => importClause?.phaseModifier !== ts.SyntaxKind.TypeKeyword)
    .map(({ moduleSpecifier }) => moduleSpecifier.getText())

describe('how it is written', () => {
  test('nothing is any', () => {
    expect(places(({ kind }) => kind === ts.SyntaxKind.AnyKeyword)).toEqual([])
  })

  test('nothing writes to the console but the logger that the responder has by default', () => {
    const others = sources.filter(({ path }) => path !== 'middleware/request/conflict-log.ts')
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
    const loaded = sources.filter(({ path }) => path !== STARTED)
    expect(loaded.flatMap(({ tree }) => tree.statements.filter((each) => !isDeclaration(each)).map(where))).toEqual([])
    expect(loaded.flatMap(({ tree }) => importsAtRunTime(tree)).filter((name) => /racer/.test(name))).toEqual([])
    expect(require(join(ROOT, 'package.json')).sideEffects).toBe(false)
  })
})

const ENTRIES = sources.map(({ path }) => path).filter((path) => /(^|\/)index\.ts$/.test(path))

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

/** Members of a request under guard that change, and the rooms that write each, as its doc comment says. */
function writersSaid(name: string): Map<string, readonly string[]> {
  const source = sources.find(({ path }) => path === 'middleware/request/guarded-request.ts')
  const found = source?.tree.statements.find((each) => ts.isInterfaceDeclaration(each) && each.name.text === name)
  const members = found && ts.isInterfaceDeclaration(found) ? [...found.members] : []
  return new Map(
    members
      .filter((member) => !(ts.isPropertySignature(member) && member.modifiers))
      .map((member) => {
        const [, said = ''] =
          /By\s+(`[^.]*)\.$/.exec(String(ts.getJSDocCommentsAndTags(member)[0]?.comment ?? '')) ?? []
        return [member.name?.getText() ?? '', [...said.matchAll(/`([a-z-]+)`/g)].map(([, room = '']) => room)]
      }),
  )
}

const isAssignment = (node: ts.Node): node is ts.BinaryExpression =>
  ts.isBinaryExpression(node) &&
  node.operatorToken.kind >= ts.SyntaxKind.FirstAssignment &&
  node.operatorToken.kind <= ts.SyntaxKind.LastAssignment

test.each([
  ['GuardedRequest', 'guarded'],
  ['Attempt', 'attempt'],
])('%s: each room of the middleware writes only what is its own', (type, name) => {
  const written = sources
    .filter(({ path }) => path.startsWith('middleware/'))
    .flatMap(({ path, tree }) =>
      [...nodesOf(tree)]
        .filter(isAssignment)
        .map(({ left }) => left)
        .filter(ts.isPropertyAccessExpression)
        .filter(({ expression }) => ts.isIdentifier(expression) && expression.text === name)
        .map((left) => [left.name.text, path.split('/')[1] ?? ''] as const),
    )
  const rooms = (member: string) => [...new Set(written.flatMap(([each, room]) => (each === member ? [room] : [])))]
  const said = writersSaid(type)
  expect([...said.keys()].sort()).toEqual([...new Set(written.map(([member]) => member))].sort())
  for (const [member, writers] of said) expect([member, rooms(member).sort()]).toEqual([member, [...writers].sort()])
})

/** The folders of a tree that is drawn with two spaces a level. */
function roomsIn(drawn: string): string[] {
  const above: string[] = []
  return drawn.split('\n').flatMap((line) => {
    const [, indent = '', name] = /^( *)([a-z-]+\/)/.exec(line) ?? []
    if (name === undefined) return []
    above.splice(indent.length / 2, above.length, name)
    return [above.join('').slice(0, -1)]
  })
}

test('the tree of docs/architecture.md has every room of lib, and no other', () => {
  const page = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8')
  const [, drawn = ''] = /```text\n(lib\/\n[\s\S]*?)```/.exec(page) ?? []
  const rooms = readdirSync(join(ROOT, 'lib'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
  expect(roomsIn(drawn).sort()).toEqual(['lib', ...rooms].sort())
})
