import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/**
 * Who writes a file in the spool, as part of its name: the process, when it started, and where its number counts. In
 * another container the same number is another process.
 */
export function ownerName(): string {
  return `${process.pid}-${startOf(process.pid) ?? 0}-${place()}`
}

/** `elsewhere`: a process of another machine or container, of which nothing can be known here. */
export function stateOfOwner(name: string): 'alive' | 'dead' | 'elsewhere' {
  const [pid = '', start, where] = name.split('-')
  if (where !== place()) return 'elsewhere'
  if (!isRunning(Number(pid))) return 'dead'
  // A number is given again: a process that started at another time is another one.
  const startedAt = startOf(Number(pid))
  return startedAt === undefined || start === '0' || startedAt === start ? 'alive' : 'dead'
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // EPERM: it runs as somebody else.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

/** In ticks since the machine was started; `undefined` where there is no /proc, or no such process. */
function startOf(pid: number): string | undefined {
  const status = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  // The second field is the name of the program, in parentheses, and may hold anything.
  return status?.slice(status.lastIndexOf(')') + 2).split(' ')[19]
}

function place(): string {
  const space = attempt(() => readlinkSync('/proc/self/ns/pid')) ?? ''
  return createHash('sha256').update(`${hostname()} ${space}`).digest('hex').slice(0, 12)
}

function attempt<R>(look: () => R): R | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
