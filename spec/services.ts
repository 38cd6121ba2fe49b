import { spawnSync } from 'node:child_process'

/**
 * What some specs run against: servers at the addresses below, or where the variables say, and SQLite where
 * better-sqlite3 could be built.
 */
const ADDRESSES = {
  PostgreSQL: process.env.CONFLICT_POSTGRES_URL ?? 'postgres://postgres@127.0.0.1:5432/test',
  MariaDB: process.env.CONFLICT_MARIADB_URL ?? 'mysql://root@127.0.0.1:3306/test',
  /** The server behind the pooler, which a spec starts by itself: `ownPgbouncer`. */
  pgbouncer: process.env.CONFLICT_POSTGRES_URL ?? 'postgres://postgres@127.0.0.1:5432/test',
  Redis: process.env.CONFLICT_REDIS_URL ?? 'redis://127.0.0.1:6379/0',
  SQLite: ':memory:',
  /** Specs start their own: these have to be installed. */
  nginx: '/usr/lib/nginx/modules/ngx_http_cache_purge_module.so',
  Varnish: '/usr/sbin/varnishd',
} as const

export type ServiceName = keyof typeof ADDRESSES

const CONNECT_MS = 1000

/**
 * `describe` for what needs a service. Where it is missing one test is skipped that names it, and with
 * `CONFLICT_SERVICES=required` that test fails.
 */
export function describeWith(service: ServiceName, name: string, body: (url: string) => void): void {
  const url = ADDRESSES[service]
  describe(name, () => {
    if (isThere(service)) return body(url)
    const missing = `${service} is at ${withoutPassword(url)}`
    if (process.env.CONFLICT_SERVICES !== 'required') return test.skip(missing, () => {})
    test(missing, () => {
      throw new Error(`${service} was not found at ${withoutPassword(url)}, and CONFLICT_SERVICES says "required".`)
    })
  })
}

/** The same for what npm installs. What is cached does not count: it may be gone the next time. */
export function describeWithRegistry(name: string, body: () => void): void {
  const { stdout } = spawnSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' })
  const registry = URL.canParse(stdout.trim()) ? new URL(stdout.trim()) : undefined
  const port = registry?.port || (registry?.protocol === 'http:' ? 80 : 443)
  describe(name, () => {
    if (registry && spawnSync(process.execPath, ['-e', probeOf(registry.hostname, Number(port))]).status === 0)
      return body()
    const missing = 'the registry that npm is set to answers'
    if (process.env.CONFLICT_SERVICES !== 'required') return test.skip(missing, () => {})
    test(missing, () => {
      throw new Error('No registry of npm was found, and CONFLICT_SERVICES says "required".')
    })
  })
}

const found = new Map<ServiceName, boolean>()

/** Jest collects tests synchronously, so the look-up waits for a process that connects. */
function isThere(service: ServiceName): boolean {
  const known = found.get(service)
  if (known !== undefined) return known
  const there = spawnSync(process.execPath, ['-e', probe(service)], { cwd: __dirname }).status === 0
  found.set(service, there)
  return there
}

function probe(service: ServiceName): string {
  if (service === 'pgbouncer')
    return `if (require('node:child_process').spawnSync('pgbouncer', ['--version']).status !== 0) process.exit(1); ${probe('PostgreSQL')}`
  if (service === 'nginx' || service === 'Varnish')
    return `if (!require('node:fs').existsSync('${ADDRESSES[service]}')) process.exit(1)`
  if (service === 'SQLite') return `new (require('better-sqlite3'))(':memory:').prepare('select 1').get()`
  const { hostname, port } = new URL(ADDRESSES[service])
  return probeOf(hostname, Number(port))
}

function probeOf(hostname: string, port: number): string {
  return `require('node:net').connect(${port}, ${JSON.stringify(hostname)})
    .on('connect', () => process.exit(0)).on('error', () => process.exit(1)).setTimeout(${CONNECT_MS}, () => process.exit(1))`
}

function withoutPassword(address: string): string {
  if (!URL.canParse(address)) return address
  const url = new URL(address)
  url.password = ''
  return url.href
}

let count = 0

/** A name for a table, or a prefix for keys, that nobody else uses. */
export function ownName(what: string): string {
  count += 1
  return `ec_${what}_${process.pid}_${Date.now().toString(36)}_${count}`
}
