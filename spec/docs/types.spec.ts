import { execFile } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ROOT } from '../sources'
import { PAGES } from './page'

jest.setTimeout(180_000)

// Below the root, so that the types of Express and of Node are found.
const folder = join(ROOT, '.tmp', `docs-${process.pid}`)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the TypeScript of every page compiles under strict', async () => {
  mkdirSync(folder, { recursive: true })
  let files = 0
  for (const { path, blocks } of PAGES) {
    for (const { language, text, line } of blocks) {
      if (language !== 'ts') continue
      files += 1
      writeFileSync(join(folder, `${path.replaceAll('/', '-')}-${line}.ts`), `${text}\nexport {}\n`)
    }
  }
  const paths = {
    'express-conflict': ['../../lib/index.ts'],
    'express-conflict/client': ['../../lib/client/index.ts'],
    'express-conflict/testing': ['../../lib/testing/index.ts'],
    'express-conflict/*': ['../../lib/backends/*/index.ts'],
  }
  // A page shows what a name is for; it need not use it up.
  const compilerOptions = { paths, module: 'esnext', noUnusedLocals: false, noUnusedParameters: false }
  const config = { extends: '../../tsconfig.json', compilerOptions, include: ['*.ts'], exclude: [] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  const { stdout } = await promisify(execFile)(process.execPath, [tsc, '-p', folder]).catch(
    (error: { stdout: string }) => error,
  )
  expect(stdout).toBe('')
  expect(files).toBeGreaterThan(1)
})
