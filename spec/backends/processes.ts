import { join } from 'node:path'
import type { SqlTable } from '../../lib/backends/sql'
import type { ResourceAdapter } from '../../lib/contracts/adapter'
import type { LockManager } from '../../lib/contracts/lock'
import type { ExpiringStore } from '../../lib/contracts/store'
import type { Processes } from '../../lib/testing'
import type { ServiceName } from '../services'
import type { Service } from './leases/managers'
import type { SqlServer } from './sql/servers'

/** Where the processes of a kit find what it tests. */
export type At =
  | { readonly at: 'files' | 'uploads'; readonly folder: string; readonly tombstones?: boolean }
  | {
      readonly at: 'Redis'
      readonly client: 'ioredis' | 'node-redis'
      readonly address: string
      readonly prefix: string
      readonly tombstones?: boolean
    }
  | { readonly at: 'SQL'; readonly service: ServiceName; readonly address: string; readonly table: SqlTable }
  | { readonly at: 'locks'; readonly service: Service; readonly address: string; readonly prefix: string }

/** The option of a kit: this module, compiled as the specs are. */
export function inProcesses(at: () => At): Processes {
  return { module: __filename, at, execArgv: ['-r', join(__dirname, '../ts-hook.js')] }
}

// Each process loads what it needs, and no more: they start often.
const files = () => require('../../lib/backends/file') as typeof import('../../lib/backends/file')
const redis = () => require('../../lib/backends/redis') as typeof import('../../lib/backends/redis')
const sql = () => require('../../lib/backends/sql') as typeof import('../../lib/backends/sql')

async function redisClient({ client, address }: At & { at: 'Redis' }) {
  if (client === 'ioredis') return new (require('ioredis') as typeof import('ioredis')).Redis(address)
  return (require('redis') as typeof import('redis')).createClient({ url: address }).connect()
}

function sqlClient({ service, address }: At & { at: 'SQL' }) {
  const { SQL_SERVERS } = require('./sql/servers') as { SQL_SERVERS: readonly SqlServer[] }
  const opened = SQL_SERVERS.find((server) => server.service === service)?.open(address, 2)
  if (!opened) throw new Error(`there is no ${service}`)
  // One process may wait for another here.
  if (service === 'SQLite') void opened.run('pragma busy_timeout = 20000')
  return opened.client
}

export async function makeAdapter(at: At): Promise<ResourceAdapter<unknown>> {
  switch (at.at) {
    case 'files':
      return files().fileAdapter(kept(at))
    case 'uploads': {
      const { ofJson } = require('./file/json-uploads') as typeof import('./file/json-uploads')
      return ofJson(files().uploadAdapter({ ...kept(at), keepVersions: 1000 }))
    }
    case 'Redis':
      return redis().redisAdapter({
        client: await redisClient(at),
        prefix: at.prefix,
        tombstones: at.tombstones ?? false,
      })
    case 'SQL':
      return sql().sqlAdapter({ ...at.table, client: sqlClient(at) })
    default:
      throw new Error(`there is no adapter at ${at.at}`)
  }
}

function kept({ folder, tombstones = false }: At & { at: 'files' | 'uploads' }) {
  return { folder, tombstones }
}

export function makeManager(at: At): LockManager {
  if (at.at !== 'locks') throw new Error(`there are no locks at ${at.at}`)
  const { managerOf } = require('./leases/managers') as typeof import('./leases/managers')
  return managerOf(at.service, at.address, at.prefix)
}

export async function makeStore(at: At): Promise<ExpiringStore> {
  switch (at.at) {
    case 'files':
      return files().fileStore({ folder: at.folder })
    case 'Redis':
      return redis().redisStore({ client: await redisClient(at), prefix: at.prefix })
    case 'SQL':
      return sql().sqlStore({ client: sqlClient(at), table: at.table.table })
    default:
      throw new Error(`there is no store at ${at.at}`)
  }
}
