import { createHash } from 'node:crypto'
import { Pool, type PoolClient } from 'pg'
import type { ConnectedLocks } from '../../../lib/backends/leases/session'
import { postgresLocks } from '../../../lib/backends/postgres'
import { isStoreFault } from '../../../lib/contracts/store-fault'
import { lockKit } from '../../../lib/testing'
import { describeWith, ownName } from '../../services'
import { inProcesses } from '../processes'

const terms = { waitMs: 0, leaseMs: 1000, maxHoldMs: 10_000 }

const numberOf = (prefix: string, key: string) =>
  String(createHash('sha256').update(`${prefix}\n${key}`).digest().readBigInt64BE())

/** The back ends that hold a lock. */
const HOLDERS = `select pid from pg_locks where locktype = 'advisory' and granted
  and ((classid::bigint << 32) | objid::bigint) = $1`

describeWith('PostgreSQL', 'postgresLocks', (url) => {
  const app = ownName('locks')
  const pool = new Pool({ connectionString: url, max: 20, application_name: app })
  const admin = new Pool({ connectionString: url, max: 2 })
  const gone = new Pool({ host: '127.0.0.1', port: 1 })
  const managers: ConnectedLocks[] = []
  let prefix = ''

  const make = (more: { deadlineMs?: number } = {}) => {
    const locks = postgresLocks({ pool, prefix, ...more })
    managers.push(locks)
    return locks
  }
  const terminate = async (key: string) => {
    const { rowCount } = await admin.query(`select pg_terminate_backend(pid, 1000) from (${HOLDERS}) as holders`, [
      numberOf(prefix, key),
    ])
    expect(rowCount).toBe(1)
  }

  beforeEach(() => {
    prefix = ownName('locks')
  })
  afterEach(() => {
    for (const manager of managers.splice(0)) manager.close()
  })
  afterAll(() => Promise.all([pool, admin, gone].map((each) => each.end())))

  describe('keeps the contract', () => {
    const kit = lockKit({
      makeManager: () => make(),
      makeSecond: () => make(),
      makeFailing: () => postgresLocks({ pool: gone }),
      takeAway: terminate,
      countEntries: async () => {
        const held = `select 1 from pg_locks join pg_stat_activity using (pid)
          where locktype = 'advisory' and application_name = $1`
        return (await admin.query(held, [app])).rows.length
      },
      disposeManager: (manager) => manager.close(),
      abilities: { fence: true, acrossProcesses: true },
      processes: inProcesses(() => ({ at: 'locks', service: 'postgres', address: url, prefix })),
    })
    for (const { name, run } of kit) test(name, run)
  })

  test('holds any number of locks on one connection, and gives it up when it is idle', async () => {
    const before = pool.totalCount
    const locks = make()
    const leases = await Promise.all(
      Array.from({ length: 50 }, (_, index) => locks.acquire(`key ${index}`, { ...terms, leaseMs: 200 })),
    )
    expect(leases.every((lease) => lease !== undefined)).toBe(true)
    expect(pool.totalCount - before).toBeLessThanOrEqual(1)
    await Promise.all(leases.map((lease) => lease?.release()))
    await new Promise((resolve) => setTimeout(resolve, 200))
    const { rows } = await admin.query('select 1 from pg_stat_activity where application_name = $1', [app])
    expect(rows.length).toBe(pool.idleCount)
  })

  test('a back end that is terminated ends every lease on it, and no other', async () => {
    const [locks, others] = [make(), make()]
    const leases = await Promise.all(['a', 'b'].map((key) => locks.acquire(key, terms)))
    const other = await others.acquire('c', terms)
    await terminate('a')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(leases.map((lease) => lease?.signal.aborted)).toEqual([true, true])
    expect(other?.signal.aborted).toBe(false)
    await Promise.all([...leases, other].map((lease) => lease?.release()))
  })

  test('what is asked for at once goes out together, and each gets its own answer', async () => {
    const texts: string[] = []
    const counting = {
      async connect() {
        const client = await pool.connect()
        return {
          query: (statement: { text: string; values: unknown[] }) => {
            texts.push(statement.text)
            return client.query(statement)
          },
          on: (event: 'error' | 'end', listener: (error?: Error) => void) => client.on(event as 'error', listener),
          release: (destroy: boolean) => client.release(destroy),
        }
      },
    }
    const own = ownName('locks')
    const [ours, others] = [postgresLocks({ pool: counting, prefix: own }), postgresLocks({ pool, prefix: own })]
    const held = await others.acquire('key 3', terms)
    await (await ours.acquire('first', terms))?.release()
    texts.length = 0
    const leases = await Promise.all([1, 2, 3, 4].map((index) => ours.acquire(`key ${index}`, { ...terms, waitMs: 0 })))
    expect(leases.map((lease) => lease !== undefined)).toEqual([true, true, false, true])
    await Promise.all(leases.map((lease) => lease?.release()))
    expect(texts.filter((text) => text.includes('pg_try_advisory_lock')).length).toBeLessThanOrEqual(3)
    expect(texts.filter((text) => text.includes('pg_advisory_unlock'))).toHaveLength(1)
    await held?.release()
    const again = await others.acquire('key 4', terms)
    expect(BigInt(again?.fence ?? 0)).toBeGreaterThan(BigInt(leases[3]?.fence ?? 0))
    await again?.release()
    for (const each of [ours, others]) each.close()
  })

  test('plans a statement once, however often it is used', async () => {
    let client: PoolClient | undefined
    const watched = {
      async connect() {
        client = await pool.connect()
        return client
      },
    }
    const locks = postgresLocks({ pool: watched, prefix })
    for (let round = 0; round < 3; round++) {
      await (await locks.acquire('a', terms))?.release()
      const leases = await Promise.all(['b', 'c', 'd'].map((key) => locks.acquire(key, terms)))
      await Promise.all(leases.map((lease) => lease?.release()))
    }
    const uses = 'select name, (generic_plans + custom_plans)::int as times from pg_prepared_statements order by name'
    expect((await client?.query(uses))?.rows).toEqual([
      { name: 'express-conflict free', times: 3 },
      { name: 'express-conflict free all', times: 3 },
      { name: 'express-conflict take', times: 3 },
      { name: 'express-conflict take all', times: 3 },
    ])
    locks.close()
  })

  test('a statement that takes longer than deadlineMs is a fault, and leaves nothing behind', async () => {
    const slow = {
      async connect() {
        const client = await pool.connect()
        const query = (statement: { text: string; values: unknown[] }) =>
          statement.text.includes('pg_try_advisory_lock')
            ? client.query('select pg_try_advisory_lock($1), pg_sleep(0.3)', statement.values)
            : client.query(statement)
        return {
          query,
          on: (event: 'error' | 'end', listener: (error?: Error) => void) => client.on(event as 'error', listener),
          release: (destroy: boolean) => client.release(destroy),
        }
      },
    }
    const error = await postgresLocks({ pool: slow, prefix, deadlineMs: 50 })
      .acquire('a', terms)
      .catch((reason: unknown) => reason)
    expect(isStoreFault(error) && error.message).toContain('no answer within deadlineMs (50)')
    const next = await make().acquire('a', { ...terms, waitMs: 2000 })
    expect(next).toBeDefined()
    await next?.release()
  })

  test('a pool that has no connection to give is a fault after deadlineMs, and gets back what it gives later', async () => {
    const single = new Pool({ connectionString: url, max: 1 })
    const client = await single.connect()
    const error = await postgresLocks({ pool: single, prefix, deadlineMs: 50 })
      .acquire('a', terms)
      .catch((reason: unknown) => reason)
    expect(isStoreFault(error)).toBe(true)
    client.release()
    await single.query('select 1')
    await single.end()
  })
})
