import { fork } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileAdapter } from '../../lib/adapters/file'
import type { Count, Report } from './file-counter'

jest.setTimeout(180_000)

const PROCESSES = 8
const EACH = 200

const folder = mkdtempSync(join(tmpdir(), 'file-counters-'))
afterAll(() => rmSync(folder, { recursive: true }))

interface Life {
  readonly acknowledged: number[]
  readonly lost: string[]
  kills: number
}

/** Runs until it has counted its part, killed and started again after every count that `isKilledAt` names. */
function live(at: string, me: string, isKilledAt: (count: number) => boolean): Promise<Life> {
  const life: Life = { acknowledged: [], lost: [], kills: 0 }
  return new Promise((resolve, reject) => {
    const start = () => {
      const child = fork(join(__dirname, 'file-counter.ts'), [at, me, String(EACH)], {
        execArgv: ['-r', join(__dirname, '../locks/ts-hook.js')],
      })
      child.on('message', (report: Report) => {
        if ('lost' in report) return life.lost.push(report.lost)
        life.acknowledged.push(report.counted)
        if (isKilledAt(report.counted) && child.kill('SIGKILL')) life.kills += 1
        return undefined
      })
      child.on('exit', (code, signal) => {
        if (signal === 'SIGKILL') start()
        else if (code === 0) resolve(life)
        else reject(new Error(`a counter ended with ${code} ${signal}`))
      })
    }
    start()
  })
}

test.each([
  ['that live', () => false, 0],
  ['that are killed and started again', (count: number) => count % 60 === 0, 3 * PROCESSES],
])('eight processes %s add 200 each, and end at 1,600', async (name, isKilledAt, kills) => {
  const at = join(folder, name)
  const lives = await Promise.all(
    Array.from({ length: PROCESSES }, (_, index) => live(at, `p${index}`, (count) => isKilledAt(count))),
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
