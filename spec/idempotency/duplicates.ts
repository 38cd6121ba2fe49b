import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createStoreTableStatements, createTableStatements } from '../../lib/backends/sql'
import { type Opened, SQL_SERVERS } from '../backends/sql/servers'
import type { WorkerOptions } from './worker'

type Service = WorkerOptions['service']

interface Worker {
  readonly child: ChildProcess
  /** `undefined`: it ended, or the connection did, before there was an answer. */
  post(path: string, key: string, body: object): Promise<{ status: number; text: string } | undefined>
  end(): void
}

async function worker(options: WorkerOptions): Promise<Worker> {
  const child = fork(join(__dirname, 'worker.ts'), [JSON.stringify(options)], {
    execArgv: ['-r', join(__dirname, '../ts-hook.js')],
  })
  const [port] = (await once(child, 'message')) as [number]
  return {
    child,
    async post(path, key, body) {
      try {
        const response = await fetch(`http://127.0.0.1:${port}${path}`, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json', 'Idempotency-Key': `"${key}"` },
          body: JSON.stringify(body),
        })
        return { status: response.status, text: await response.text() }
      } catch {
        return undefined
      }
    },
    end: () => void child.kill('SIGKILL'),
  }
}

/** Duplicates that arrive at once, spread over processes. How often the handler ran, and what clients got. */
export async function arriveTogether(service: Service, at: string, name: string, processes: number, requests: number) {
  const folder = mkdtempSync(join(tmpdir(), 'duplicates-'))
  const file = join(folder, 'runs')
  const workers = await Promise.all(Array.from({ length: processes }, () => worker({ service, at, name, file })))
  try {
    const send = (index: number) => workers[index % processes]!.post('/payments', 'k', { amount: 1 })
    const answers = await Promise.all(Array.from({ length: requests }, (_, index) => send(index)))
    const late = await send(0)
    const count = (status: number | undefined) => answers.filter((answer) => answer?.status === status).length
    return {
      runs: existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').length : 0,
      created: count(201),
      inProgress: count(409),
      others: requests - count(201) - count(409),
      bodies: new Set([...answers, late].filter((each) => each?.status === 201).map((each) => each?.text)).size,
    }
  } finally {
    for (const each of workers) each.end()
    rmSync(folder, { recursive: true })
  }
}

/** A table for notes, and one for records; with the way to remove both. */
export async function tables(service: Service, at: string, name: string): Promise<Opened> {
  const dialect = service === 'postgres' ? 'postgres' : service === 'mysql' ? 'mysql' : 'sqlite'
  const server = SQL_SERVERS.find((each) => each.dialect === dialect)!
  const opened = server.open(at)
  const statements = [
    ...createTableStatements(dialect, { table: name, json: 'value' }),
    ...createStoreTableStatements(dialect, { table: `${name}_records` }),
  ]
  for (const statement of statements) await opened.run(statement)
  return {
    ...opened,
    async close() {
      for (const table of [name, `${name}_records`]) await opened.run(`drop table ${table}`)
      await opened.close()
    },
  }
}

/**
 * Kills the process at each step of a change in turn, until it is answered because there is no further step. Sends each
 * request again until it is answered. `countOf` counts the notes that were made of a title.
 */
export async function killAtEachStep(
  service: 'postgres' | 'sqlite',
  at: string,
  name: string,
  countOf: (title: string) => Promise<number>,
) {
  const base = { service, at, name, file: '' }
  const second = await worker(base)
  const seen = { kills: 0, foundDone: 0, ranAgain: 0, lost: 0, twice: 0, unanswered: 0 }
  try {
    for (let dieAt = 0; ; dieAt++) {
      const title = `note ${dieAt} ${randomUUID()}`
      const first = await worker({ ...base, dieAt })
      const answer = await first.post('/notes', title, { title })
      if (answer) {
        first.end()
        return seen
      }
      seen.kills += 1
      const before = await countOf(title)
      const until = Date.now() + 15_000
      let again = await second.post('/notes', title, { title })
      while (again?.status === 409 && Date.now() < until) {
        await new Promise((resolve) => setTimeout(resolve, 50))
        again = await second.post('/notes', title, { title })
      }
      if (again?.status !== 201) seen.unanswered += 1
      const after = await countOf(title)
      if (before === 1) seen.foundDone += 1
      else seen.ranAgain += 1
      if (after === 0) seen.lost += 1
      if (after > 1) seen.twice += 1
    }
  } finally {
    second.end()
  }
}
