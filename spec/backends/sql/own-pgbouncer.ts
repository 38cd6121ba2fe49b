import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, listens } from '../../ports'

export interface Pgbouncer {
  /** The address of the database through it. */
  readonly url: string
  stop(): Promise<void>
}

const START_MS = 10_000

/** A pgbouncer of its own in transaction mode, in front of the database at `url`. */
export async function ownPgbouncer(url: string, most = 3): Promise<Pgbouncer> {
  const { hostname, port, username, password, pathname } = new URL(url)
  const folder = mkdtempSync(join(tmpdir(), 'express-conflict-pgbouncer-'))
  const own = await freePort()
  const login = password ? ` password=${decodeURIComponent(password)}` : ''
  const settings = [
    '[databases]',
    `* = host=${hostname} port=${port || 5432} user=${username}${login}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${own}`,
    'unix_socket_dir =',
    'auth_type = any',
    'pool_mode = transaction',
    `default_pool_size = ${most}`,
    'max_client_conn = 1000',
    // The newest first is the default, and with little to do that is always the same one.
    'server_round_robin = 1',
    'ignore_startup_parameters = extra_float_digits',
  ]
  const file = join(folder, 'pgbouncer.ini')
  writeFileSync(file, settings.join('\n'))
  chmodSync(folder, 0o755)
  const child = spawn('pgbouncer', [file], { ...account(), stdio: 'ignore' })
  for (const until = Date.now() + START_MS; !(await listens(own)); ) {
    if (Date.now() > until || child.exitCode !== null) throw new Error(`pgbouncer does not listen on ${own}.`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return {
    url: `postgres://${username}@127.0.0.1:${own}${pathname}`,
    async stop() {
      await ended(child)
      rmSync(folder, { recursive: true })
    },
  }
}

function ended(child: ChildProcess): Promise<unknown> {
  const exited = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  return exited
}

/** It does not run as root. */
function account(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const id = (flag: string) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}
