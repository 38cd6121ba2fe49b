import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT } from '../sources'
import { pageAt } from './page'

const FIELDS = ['repository', 'homepage', 'bugs', 'author'] as const
const manifestIn = (folder: string) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))

test('the fields with an address are all there, or none of them', () => {
  const manifest = manifestIn(ROOT)
  expect([0, FIELDS.length]).toContain(FIELDS.filter((field) => manifest[field] !== undefined).length)
})

test('the command of CONTRIBUTING.md fills all of them in from one address', () => {
  const script = pageAt('CONTRIBUTING.md').blocks.find(({ text }) => text.startsWith('ADDRESS='))?.text ?? 'exit 1'
  const folder = mkdtempSync(join(tmpdir(), 'address-'))
  try {
    copyFileSync(join(ROOT, 'package.json'), join(folder, 'package.json'))
    execFileSync('sh', ['-e'], { cwd: folder, input: script })
    expect(manifestIn(folder)).toMatchObject({
      repository: { type: 'git', url: 'git+https://github.com/owner/express-conflict.git' },
      homepage: 'https://github.com/owner/express-conflict#readme',
      bugs: { url: 'https://github.com/owner/express-conflict/issues' },
      author: 'Name <mail>',
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
})
