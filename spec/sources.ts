import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix, relative } from 'node:path'
import ts from 'typescript'

export const ROOT = join(__dirname, '..')

/** A source of the library, read but not run. */
export interface Source {
  /** Below `lib/`, such as `http/problem.ts`. */
  readonly path: string
  readonly tree: ts.SourceFile
  /** Where it imports from: a path below `lib/` for its own files, else the name of a module. */
  readonly imports: readonly string[]
}

/** Every path below a folder of the repository. */
export function pathsIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(join(ROOT, folder), join(entry.parentPath, entry.name)))
}

let read: readonly Source[] | undefined

/** Nothing changes them while the specs of a file run. */
export function readSources(): readonly Source[] {
  read ??= pathsIn('lib').map((path) => {
    const text = readFileSync(join(ROOT, 'lib', path), 'utf8')
    const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true)
    return { path, tree, imports: importsOf(tree) }
  })
  return read
}

/** Every node of a tree. */
export function* nodesOf(node: ts.Node): Generator<ts.Node> {
  yield node
  for (const child of node.getChildren()) yield* nodesOf(child)
}

function importsOf(tree: ts.SourceFile): string[] {
  const found: string[] = []
  for (const node of nodesOf(tree)) {
    const target =
      ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
        ? node.moduleSpecifier
        : ts.isCallExpression(node) && /^(require|import)$/.test(node.expression.getText())
          ? node.arguments[0]
          : undefined
    if (target && ts.isStringLiteral(target)) found.push(resolved(tree.fileName, target.text))
  }
  return found
}

function resolved(from: string, target: string): string {
  if (!target.startsWith('.')) return target
  const path = posix.join(posix.dirname(from), target)
  return existsSync(join(ROOT, 'lib', path, 'index.ts')) ? `${path}/index.ts` : `${path}.ts`
}

/** What a module exports, by name, with the declaration where it stands in another file of the library. */
export function exportsOf(path: string, sources: readonly Source[]): Map<string, ts.Node> {
  const found = new Map<string, ts.Node>()
  const source = sources.find((each) => each.path === path)
  for (const statement of source?.tree.statements ?? []) {
    if (!ts.isExportDeclaration(statement)) {
      for (const [name, node] of declared(statement)) found.set(name, node)
      continue
    }
    const { moduleSpecifier, exportClause } = statement
    if (!moduleSpecifier || !ts.isStringLiteral(moduleSpecifier) || !exportClause || !ts.isNamedExports(exportClause))
      throw new Error(`${path}: ${statement.getText()} does not name what it exports.`)
    const theirs = exportsOf(resolved(path, moduleSpecifier.text), sources)
    for (const { name, propertyName } of exportClause.elements) {
      const node = theirs.get((propertyName ?? name).text)
      if (!node) throw new Error(`${path}: ${name.text} is not declared where it is exported from.`)
      found.set(name.text, node)
    }
  }
  return found
}

function declared(statement: ts.Statement): Array<[string, ts.Node]> {
  if (!ts.canHaveModifiers(statement)) return []
  if (!ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) return []
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.map(({ name }) => [name.getText(), statement])
  const { name } = statement as ts.Statement & { name?: ts.Identifier }
  return name ? [[name.text, statement]] : []
}

/** The names of the members of an interface. */
export function membersOf(path: string, interfaceName: string): string[] {
  const source = readSources().find((each) => each.path === path)
  const found = source?.tree.statements.find(
    (statement) => ts.isInterfaceDeclaration(statement) && statement.name.text === interfaceName,
  ) as ts.InterfaceDeclaration | undefined
  return (found?.members ?? []).map((member) => member.name?.getText() ?? '')
}
