import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { install, newFolder, pack, removeFolder, whileRunning } from '../package/install'
import { RIGHT, story } from '../package/story'
import { articleStory, RIGHT_ARTICLES } from './article-story'

const { devDependencies } = require('../../package.json') as { devDependencies: Record<string, string> }
const { platform, arch } = process
const bunArch = arch === 'arm64' ? 'aarch64' : arch

/** Each is the binary as an npm package carries it. */
const RUNTIMES = [
  ['Node 20', `node-${platform}-${arch}@20`, `node-${platform}-${arch}/bin/node`, []],
  ['Node 22', `node-${platform}-${arch}@22`, `node-${platform}-${arch}/bin/node`, []],
  ['Node 24', `node-${platform}-${arch}@24`, `node-${platform}-${arch}/bin/node`, []],
  ['Bun', `@oven/bun-${platform}-${bunArch}`, `@oven/bun-${platform}-${bunArch}/bin/bun`, ['run']],
  [
    'Deno',
    `@deno/${platform}-${arch}-glibc`,
    `@deno/${platform}-${arch}-glibc/deno`,
    ['run', '--allow-all', '--node-modules-dir=manual'],
  ],
] as const

/** Node 20 has no node:sqlite. */
const WITH_SQLITE: readonly string[] = ['Node 22', 'Node 24']

const folders: string[] = []
const fresh = () => {
  const folder = newFolder()
  folders.push(folder)
  return folder
}
afterAll(() => {
  for (const folder of folders) removeFolder(folder)
})

/** `undefined`: its package cannot be installed here. Jest collects tests synchronously, so this waits. */
function binaryOf(name: string, path: string): string | undefined {
  const folder = fresh()
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  const flags = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--fetch-retries=0', '--force']
  const { status } = spawnSync('npm', ['install', ...flags, name], { cwd: folder, timeout: 180_000 })
  if (status !== 0) return undefined
  const binary = join(folder, 'node_modules', path)
  return spawnSync(binary, ['--version']).status === 0 ? binary : undefined
}

const app = fresh()
beforeAll(async () => {
  const { tarball } = await pack(app)
  await install(app, tarball, 'express@5', `kysely@${devDependencies.kysely}`)
})

describe.each(RUNTIMES)('%s', (name, packageName, path, args) => {
  const binary = binaryOf(packageName, path)
  if (binary === undefined) return test.skip(`${packageName} cannot be installed here`, () => {})

  test.each(['app.mjs', 'app.cjs'])(`runs a chain from the tarball: %s (${name})`, async (file) => {
    expect(await whileRunning(app, file, story, {}, [binary, ...args])).toEqual(RIGHT)
  })

  if (!WITH_SQLITE.includes(name)) return

  test(`keeps resources in a file of node:sqlite (${name})`, async () => {
    const tell = async (url: string) => [await story(url), await articleStory(url)]
    const quiet = { NODE_NO_WARNINGS: '1' }
    expect(await whileRunning(app, 'sqlite.mjs', tell, quiet, [binary, ...args])).toEqual([RIGHT, RIGHT_ARTICLES])
  })
})
