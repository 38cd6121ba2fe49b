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
  expect(paths.filter((path) => !/\.(js|ts|map|md|json)$|^LICENSE$/.test(path))).toEqual([])
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
  expect(paths.filter((path) => path.startsWith('dist/'))).toHaveLength(4 * sources.length)
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

test('every entry of exports is in the tarball, types first', () => {
  const { exports } = JSON.parse(content('package.json')) as {
    exports: Record<string, Record<string, string> | string>
  }
  for (const entry of Object.values(exports)) {
    const files = typeof entry === 'string' ? [entry] : Object.values(entry)
    expect(paths).toEqual(expect.arrayContaining(files.map((file) => posix.normalize(file))))
    if (typeof entry !== 'string') expect(Object.keys(entry)[0]).toBe('types')
  }
})
