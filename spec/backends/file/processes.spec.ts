import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileAdapter } from '../../../lib/backends/file'
import type { Count } from '../counter'
import { live } from '../counters'

jest.setTimeout(180_000)

const PROCESSES = 8
const EACH = 80

const folder = mkdtempSync(join(tmpdir(), 'file-counters-'))
afterAll(() => rmSync(folder, { recursive: true }))

test.each([
  ['that live', () => false, 0],
  ['that are killed and started again', (count: number) => count % 30 === 0, 2 * PROCESSES],
])('eight processes %s add 80 each, and end at 640', async (name, isKilledAt, kills) => {
  const at = join(folder, name)
  const lives = await Promise.all(
    Array.from({ length: PROCESSES }, (_, index) =>
      live({ at: 'files', address: at }, `p${index}`, EACH, (count) => isKilledAt(count)),
    ),
  )
  const last = await fileAdapter<Count>({ folder: at }).read('a/count')
  const all = Object.fromEntries(lives.map((_, index) => [`p${index}`, EACH]))
  expect(last?.value).toEqual({ total: PROCESSES * EACH, by: all })
  expect(lives.flatMap(({ lost }) => lost)).toEqual([])
  for (const { acknowledged } of lives) expect(new Set(acknowledged).size).toBe(acknowledged.length)
  expect(lives.reduce((sum, life) => sum + life.kills, 0)).toBeGreaterThanOrEqual(kills)
  // The adapter that was made last has swept up.
  expect(readdirSync(join(at, '.spool'))).toEqual([])
})
