import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { newFolder, type Packed, pack, ROOT, removeFolder } from './install'

jest.setTimeout(60_000)

const folder = newFolder()
let paths: string[]
let size: number
beforeAll(async () => {
  const { files, size: bytes }: Packed = await pack(folder)
  size = bytes
  paths = files.map(({ path }) => path)
})
afterAll(() => removeFolder(folder))

const content = (path: string) => readFileSync(join(ROOT, path), 'utf8')

test('the tarball holds the package, its documentation, and nothing else', () => {
  const folders = new Set(paths.map((path) => path.split('/')[0]))
  expect([...folders].sort()).toEqual(
    ['LICENSE', 'README.md', 'dist', 'docs', 'package.json'].filter((name) => existsSync(join(ROOT, name))),
  )
  expect(paths.filter((path) => !/\.(m?js|m?ts|md|json)$|^LICENSE$/.test(path))).toEqual([])
})

test('the tarball is small: an app installs it without a second thought', () => {
  expect(paths.length).toBeLessThan(150)
  expect(size).toBeLessThan(370_000)
})

test('every file of code has its types', () => {
  const code = paths.filter((path) => /^dist\/[^/]+\.m?js$/.test(path))
  expect(code.length).toBeGreaterThan(10)
  expect(paths).toEqual(expect.arrayContaining(code.map((path) => path.replace(/\.(m?)js$/, '.d.$1ts'))))
})

test('what two entries share is there once, so that they see the same state', () => {
  const code = paths.filter((path) => /^dist\/.*\.js$/.test(path))
  const places = (text: string) => code.filter((path) => content(path).includes(text))
  expect(places('function storeFault(')).toHaveLength(1)
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

test('a consumer in the classic way names every entry, but for the file that an app serves to pages', () => {
  const { exports } = JSON.parse(content('package.json')) as { exports: Conditions }
  const classic = content('spec/package/consumers/classic.ts')
  const entries = Object.keys(exports).filter((entry) => !/\.(json|mjs)$/.test(entry))
  expect(entries.filter((entry) => !classic.includes(`'express-conflict${entry.slice(1)}'`))).toEqual([])
})
