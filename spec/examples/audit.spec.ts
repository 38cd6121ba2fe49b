import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openNewsroom } from './newsroom'

const BIN = join(__dirname, '../../dist/bin/express-conflict.js')

test('the audit of the newsroom, as npx runs it, finds nothing', async () => {
  const newsroom = await openNewsroom()
  try {
    const at = '/articles/harbour-bridge'
    const args = [
      BIN,
      'audit',
      newsroom.url + at,
      '--write',
      at,
      '--create',
      '/articles',
      '--header',
      'X-Editor: audit',
    ]
    const { stdout } = await promisify(execFile)(process.execPath, args)
    expect(stdout).toMatch(/^\d+ passed, 0 failed, 0 warnings, \d+ requests$/m)
    expect(stdout.match(/^✓ .+$/gm)).toHaveLength(7)
  } finally {
    await newsroom.close()
  }
})
