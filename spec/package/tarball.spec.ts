import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { newFolder, type Packed, pack, ROOT, removeFolder } from './install'

jest.setTimeout(60_000)

const folder = newFolder()
let paths: string[]
beforeAll(async () => {
  const { files }: Packed = await pack(folder)
  paths = files.map(({ path }) => path)
})
afterAll(() => removeFolder(folder))

const content = (path: string) => readFileSync(join(ROOT, path), 'utf8')

test('the tarball holds the package, its sources, its documentation, and nothing else', () => {
  const folders = new Set(paths.map((path) => path.split('/')[0]))
  expect([...folders].sort()).toEqual(
    ['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'docs', 'lib', 'package.json'].filter((name) =>
      existsSync(join(ROOT, name)),
    ),
  )
  expect(paths.filter((path) => !/\.(m?js|m?ts|map|md|json)$|^LICENSE$/.test(path))).toEqual([])
})

test('every source has its code, its types and their maps', () => {
  const sources = paths.filter((path) => path.startsWith('lib/'))
  expect(sources.length).toBeGreaterThan(50)
  for (const source of sources) {
    const built = source.replace(/^lib\/(.*)\.ts$/, 'dist/$1')
    expect(paths).toEqual(
      expect.arrayContaining([`${built}.js`, `${built}.d.ts`, `${built}.js.map`, `${built}.d.ts.map`]),
    )
  }
  // The client as one file, for pages.
  const module = ['dist/client/index.d.mts', 'dist/client/index.mjs', 'dist/client/index.mjs.map']
  expect(paths).toEqual(expect.arrayContaining(module))
  expect(paths.filter((path) => path.startsWith('dist/'))).toHaveLength(4 * sources.length + module.length)
})

test('every map leads to a source that is in the tarball', () => {
  for (const map of paths.filter((path) => path.endsWith('.map'))) {
    const { sources } = JSON.parse(content(map)) as { sources: string[] }
    expect(paths).toEqual(expect.arrayContaining(sources.map((source) => posix.join(dirname(map), source))))
  }
})

test('nothing in it names a place on the machine that built it', () => {
  expect(paths.filter((path) => content(path).includes(ROOT))).toEqual([])
})

interface Conditions {
  readonly [condition: string]: string | Conditions
}

test('every entry of exports is in the tarball, types first', () => {
  const filesOf = (entry: string | Conditions): string[] =>
    typeof entry === 'string' ? [posix.normalize(entry)] : Object.values(entry).flatMap(filesOf)
  const isTypesFirst = (entry: string | Conditions): boolean =>
    typeof entry === 'string' ||
    Object.keys(entry)[0] === 'types' ||
    Object.values(entry).every((each) => typeof each !== 'string' && isTypesFirst(each))
  const { exports } = JSON.parse(content('package.json')) as { exports: Conditions }
  for (const entry of Object.values(exports)) {
    expect(paths).toEqual(expect.arrayContaining(filesOf(entry)))
    expect(isTypesFirst(entry)).toBe(true)
  }
})
