import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { transformSync } from '@swc/core'
import { pageAt } from '../docs/page'
import { ROOT } from '../sources'

export const VERSIONS = ['nest11', 'nest12'] as const
export type Version = (typeof VERSIONS)[number]

const blocks = pageAt('docs/nestjs.md').blocks.filter(({ language }) => language === 'typescript')

/** The code of docs/nestjs.md, one block after the other. */
export const recipe = blocks.map(({ text }) => text).join('\n')

/** A folder in which the version of Nest and the package as it is built are found. */
export function folderOf(version: Version): string {
  const folder = join(__dirname, version, '.tmp')
  const modules = join(folder, 'node_modules')
  mkdirSync(modules, { recursive: true })
  link(ROOT, join(modules, 'express-conflict'))
  return folder
}

function link(target: string, path: string): void {
  try {
    symlinkSync(target, path)
  } catch (error) {
    if ((error as { code?: string }).code !== 'EEXIST') throw error
  }
}

/** Nest 11 is CommonJS, Nest 12 is of modules alone. */
export function isModule(version: Version): boolean {
  const { resolve } = createRequire(join(__dirname, version, 'package.json'))
  return require(join(resolve('@nestjs/core').replace(/core[/\\].*$/, 'core'), 'package.json')).type === 'module'
}

const SERVE = `
createApp().then(async (app) => {
  await app.listen(0, '127.0.0.1')
  console.log(app.getHttpServer().address().port)
})`

/** Writes the app with what else a case adds, and gives the name of its file. */
export function appFile(version: Version, name: string, change: (code: string) => string = (code) => code): string {
  const kind = isModule(version) ? 'mjs' : 'cjs'
  const quiet = recipe.replace('create(AppModule)', 'create(AppModule, { logger: false })')
  const { code } = transformSync(`import 'reflect-metadata'\n${change(quiet)}${SERVE}`, {
    jsc: {
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true },
      target: 'es2022',
    },
    module: { type: kind === 'mjs' ? 'es6' : 'commonjs' },
  })
  const file = `${name}.${kind}`
  writeFileSync(join(folderOf(version), file), code)
  return file
}
