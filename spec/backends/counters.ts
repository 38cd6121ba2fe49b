import { fork } from 'node:child_process'
import { join } from 'node:path'
import type { Kept, Report } from './counter'

export interface Life {
  readonly acknowledged: number[]
  readonly lost: string[]
  kills: number
}

/** Counts its part in a process of its own, which is killed and started again after every count that `isKilledAt` names. */
export function live(kept: Kept, me: string, goal: number, isKilledAt: (count: number) => boolean): Promise<Life> {
  const life: Life = { acknowledged: [], lost: [], kills: 0 }
  return new Promise((resolve, reject) => {
    const start = () => {
      const child = fork(join(__dirname, 'counter.ts'), [JSON.stringify(kept), me, String(goal)], {
        execArgv: ['-r', join(__dirname, '../ts-hook.js')],
      })
      child.on('message', (report: Report) => {
        if ('lost' in report) return life.lost.push(report.lost)
        life.acknowledged.push(report.counted)
        if (!isKilledAt(report.counted)) return child.send('heard')
        if (child.kill('SIGKILL')) life.kills += 1
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
