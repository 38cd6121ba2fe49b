import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, listens } from '../ports'

/** A database server with a folder of its own, to be killed and started again. */
export interface OwnDatabase {
  readonly port: number
  start(): Promise<void>
  /** SIGKILL, to all its processes. What it has acknowledged is in its folder. */
  kill(): Promise<void>
  /** What stands in front of it, and is not killed with it. */
  end?(): Promise<void>
}

interface Recipe {
  /** The account that it insists on when root starts it. */
  readonly user: string
  /** Makes its folder, once. */
  prepare(data: string, account: Account): void
  command(data: string, port: number): readonly [program: string, ...args: string[]]
}

interface Account {
  readonly uid?: number
  readonly gid?: number
}

const postgres: Recipe = {
  user: 'postgres',
  prepare: (data, account) =>
    execFileSync(join(postgresFolder(), 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync'], {
      ...account,
      cwd: '/',
      stdio: 'ignore',
    }) && undefined,
  // No socket file: the lock beside it would keep the next start out.
  command: (data, port) => [
    join(postgresFolder(), 'postgres'),
    ...[
      '-D',
      data,
      '-p',
      String(port),
      '-h',
      '127.0.0.1',
      '-c',
      'unix_socket_directories=',
      '-c',
      'max_connections=200',
    ],
  ],
}

function postgresFolder(): string {
  const versions = '/usr/lib/postgresql'
  const [newest] = existsSync(versions) ? readdirSync(versions).sort((one, two) => Number(two) - Number(one)) : []
  return newest === undefined ? '' : join(versions, newest, 'bin')
}

const mariadb: Recipe = {
  user: 'mysql',
  prepare: (data, account) =>
    execFileSync(
      'mariadb-install-db',
      ['--no-defaults', `--datadir=${data}`, '--skip-test-db', '--auth-root-authentication-method=normal'],
      { ...account, cwd: '/', stdio: 'ignore' },
    ) && undefined,
  command: (data, port) => [
    'mariadbd',
    ...['--no-defaults', `--datadir=${data}`, `--port=${port}`, `--socket=${join(data, 'socket')}`],
    ...['--bind-address=127.0.0.1', '--innodb-buffer-pool-size=32M', '--max-connections=300'],
  ],
}

const redis = (...settings: string[]): Recipe => ({
  user: 'root',
  prepare: (data) => void mkdirSync(data),
  command: (data, port) => [
    'redis-server',
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', data, '--save', '', ...settings],
  ],
})

const RECIPES = {
  postgres,
  mariadb,
  redis: redis('--appendonly', 'yes', '--appendfsync', 'always'),
  forgetfulRedis: redis('--appendonly', 'no'),
}

const START_MS = 30_000

/** `folder` is there already, and the caller's to remove. */
export async function ownDatabase(kind: keyof typeof RECIPES, folder: string): Promise<OwnDatabase> {
  const recipe = RECIPES[kind]
  const account = accountOf(recipe.user)
  if (account.uid !== undefined && account.gid !== undefined) chownSync(folder, account.uid, account.gid)
  const data = join(folder, 'data')
  recipe.prepare(data, account)
  const port = await freePort()
  let child: ChildProcess | undefined

  return {
    port,
    async start() {
      const [program, ...args] = recipe.command(data, port)
      // Left by a server that was killed: its pid may be another process by now.
      rmSync(join(data, 'postmaster.pid'), { force: true })
      const started = spawn(program, args, { ...account, cwd: data, stdio: 'ignore' })
      child = started
      for (const until = Date.now() + START_MS; !(await listens(port)); ) {
        if (Date.now() > until || started.exitCode !== null) throw new Error(`${program} does not listen on ${port}.`)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
    async kill() {
      const running = child
      child = undefined
      if (!running || running.exitCode !== null) return
      const exited = new Promise((resolve) => running.once('exit', resolve))
      running.kill('SIGKILL')
      await exited
      // PostgreSQL has a process for each connection, and they outlive their parent for a moment.
      for (let left = workingIn(data); left.length > 0; left = workingIn(data)) {
        for (const pid of left) killIfThere(pid)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    },
  }
}

function accountOf(user: string): Account {
  if (process.getuid?.() !== 0 || user === 'root') return {}
  const id = (flag: string) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

function workingIn(data: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && isAt(`/proc/${name}/cwd`, data) && !isZombie(`/proc/${name}/stat`))
    .map(Number)
}

function isAt(link: string, data: string): boolean {
  try {
    return readlinkSync(link) === data
  } catch {
    // It ended while we looked.
    return false
  }
}

function isZombie(stat: string): boolean {
  try {
    return readFileSync(stat, 'utf8').split(') ')[1]?.startsWith('Z') ?? true
  } catch {
    return true
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
