import { execFile, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

const run = promisify(execFile)
export const ROOT = join(__dirname, '../..')

export interface PackedFile {
  readonly path: string
}

export interface Packed {
  readonly tarball: string
  /** In bytes. */
  readonly size: number
  readonly files: readonly PackedFile[]
}

/** A folder outside the repository, so that nothing is found in its node_modules by accident. */
export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'express-conflict-'))
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
}

/** What `npm publish` would send. `spec/build-once.js` has built it. */
export async function pack(folder: string): Promise<Packed> {
  const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    cwd: ROOT,
  })
  const [{ filename, size, files }] = JSON.parse(stdout) as [{ filename: string; size: number; files: PackedFile[] }]
  return { tarball: join(folder, filename), size, files }
}

const CONSUMER = JSON.stringify({ name: 'consumer', private: true })

/** A project of a user: the package as packed, beside what the user has chosen. */
export async function install(folder: string, ...packages: string[]): Promise<void> {
  writeFileSync(join(folder, 'package.json'), CONSUMER)
  cpSync(join(__dirname, 'consumers'), folder, { recursive: true })
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', ...packages], { cwd: folder })
}

/** The package as packed, beside everything that the repository has installed: for what takes long to install. */
export async function unpack(folder: string): Promise<void> {
  const { tarball } = await pack(folder)
  const modules = join(folder, 'node_modules')
  const own = join(modules, 'express-conflict')
  mkdirSync(own, { recursive: true })
  writeFileSync(join(folder, 'package.json'), CONSUMER)
  await run('tar', ['-xzf', tarball, '-C', own, '--strip-components=1'])
  for (const name of readdirSync(join(ROOT, 'node_modules')))
    if (name !== 'express-conflict') symlinkSync(join(ROOT, 'node_modules', name), join(modules, name))
}

/** Type-checks strictly, libraries included, and compiles. Rejects with what the compiler says. */
export async function compile(folder: string, options: Readonly<Record<string, unknown>>, files: string[]) {
  const compilerOptions = { target: 'ES2022', lib: ['ES2022'], types: ['node'], strict: true, ...options }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
  await run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder]).catch(
    ({ stdout }: { stdout: string }) => {
      throw new Error(stdout)
    },
  )
}

/** What a script prints. Rejects when it fails. */
export async function output(folder: string, ...args: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, args, { cwd: folder })
  return stdout
}

/** Starts an app that prints its port, and stops it when `work` is done. */
export async function whileRunning<R>(
  folder: string,
  file: string,
  work: (url: string) => Promise<R>,
  env: Readonly<Record<string, string>> = {},
  [runtime = process.execPath, ...args]: readonly string[] = [],
): Promise<R> {
  const app = spawn(runtime, [...args, file], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  })
  try {
    for await (const line of createInterface({ input: app.stdout })) return await work(`http://127.0.0.1:${line}`)
    throw new Error(`${file} ended before it listened.`)
  } finally {
    app.kill()
  }
}
