import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Report, Task, Terms } from './contender'
import type { Service } from './managers'

type ReportOf<Name extends Report['report']> = Report & { report: Name }

export interface Contender {
  readonly child: ChildProcess
  tell(task: Task): void
  /** The first report of a kind that has not been taken yet. */
  next<Name extends Report['report']>(name: Name): Promise<ReportOf<Name>>
  end(): void
}

export const nowMs = () => Number(process.hrtime.bigint()) / 1e6

/** A process that takes locks. */
export function contender(service: Service, at: string, prefix: string, env = process.env): Contender {
  const child = fork(join(__dirname, 'contender.ts'), [service, at, prefix], {
    execArgv: ['-r', join(__dirname, '../../ts-hook.js')],
    env,
  })
  const reports: Report[] = []
  const waiting = new Set<() => void>()
  child.on('message', (report: Report) => {
    reports.push(report)
    for (const look of waiting) look()
  })

  return {
    child,
    tell: (task) => void child.send(task),
    next: <Name extends Report['report']>(name: Name) =>
      new Promise<ReportOf<Name>>((resolve) => {
        const look = () => {
          const place = reports.findIndex(({ report }) => report === name)
          if (place < 0) return
          waiting.delete(look)
          resolve(reports.splice(place, 1)[0] as ReportOf<Name>)
        }
        waiting.add(look)
        look()
      }),
    end: () => void child.kill('SIGKILL'),
  }
}

/**
 * Processes that count under one lock for so long. Nothing is lost, and nobody meets anybody, if it excludes. With
 * `abandonIn` nobody releases a lock, and each grant takes over one that ran out.
 */
export async function countTogether(
  service: Service,
  at: string,
  prefix: string,
  processes: number,
  ms: number,
  abandonIn?: string,
) {
  const folder = mkdtempSync(join(tmpdir(), 'count-'))
  const file = join(folder, 'count')
  writeFileSync(file, '0')
  const contenders = Array.from({ length: processes }, () => contender(service, at, prefix))
  try {
    const leaseMs = abandonIn === undefined ? 10_000 : 3_600_000
    const terms = { waitMs: 10_000, leaseMs, maxHoldMs: 3_600_000 }
    for (const each of contenders) each.tell({ task: 'count', key: 'a', terms, ms, file, abandonIn })
    const reports = await Promise.all(contenders.map((each) => each.next('counted')))
    const sum = (of: (report: (typeof reports)[number]) => number) =>
      reports.reduce((total, each) => total + of(each), 0)
    return {
      grants: sum(({ grants }) => grants),
      overlaps: sum(({ overlaps }) => overlaps),
      counted: Number(readFileSync(file, 'utf8')),
    }
  } finally {
    for (const each of contenders) each.end()
    rmSync(folder, { recursive: true })
  }
}

/** The holder is stopped or killed. How long it takes the next one to get the lock, and when the first one is told. */
export async function failOver(
  service: Service,
  at: string,
  prefix: string,
  how: 'SIGSTOP' | 'SIGKILL',
  leaseMs: number,
) {
  const terms: Terms = { waitMs: 20_000, leaseMs, maxHoldMs: 60_000 }
  const [first, second] = [contender(service, at, prefix), contender(service, at, prefix)]
  try {
    first.tell({ task: 'hold', key: 'a', terms })
    const held = await first.next('held')
    second.tell({ task: 'hold', key: 'a', terms })
    // Some renewals, with the other one waiting.
    await new Promise((resolve) => setTimeout(resolve, leaseMs * 1.2))
    const from = nowMs()
    first.child.kill(how)
    const next = await second.next('held')
    const result = { takenAfterMs: next.atMs - from, fences: [held.fence, next.fence], toldAfterMs: Number.NaN }
    if (how === 'SIGKILL') return result
    const continued = nowMs()
    first.child.kill('SIGCONT')
    const { atMs } = await first.next('lost')
    // It has nothing to release, and must not release what the other one holds.
    first.tell({ task: 'release' })
    await first.next('released')
    return { ...result, toldAfterMs: atMs - continued }
  } finally {
    first.end()
    second.end()
  }
}
