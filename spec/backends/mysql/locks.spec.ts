import { createHash } from 'node:crypto'
import { createPool, type RowDataPacket } from 'mysql2/promise'
import type { ConnectedLocks } from '../../../lib/backends/leases/session'
import { mysqlLocks } from '../../../lib/backends/mysql'
import { lockKit } from '../../../lib/testing'
import { describeWith, ownName } from '../../services'
import { inProcesses } from '../processes'

const terms = { waitMs: 0, leaseMs: 1000, maxHoldMs: 10_000 }

const nameOf = (prefix: string, key: string) => createHash('sha256').update(`${prefix}\n${key}`).digest('hex')

describeWith('MariaDB', 'mysqlLocks', (url) => {
  const pool = createPool({ uri: url, connectionLimit: 20 })
  const admin = createPool({ uri: url, connectionLimit: 2 })
  const gone = createPool({ host: '127.0.0.1', port: 1 })
  const managers: ConnectedLocks[] = []
  let prefix = ''

  const make = () => {
    const locks = mysqlLocks({ pool, prefix })
    managers.push(locks)
    return locks
  }
  const holder = async (key: string): Promise<unknown> => {
    const [[row]] = await admin.query<RowDataPacket[]>('select is_used_lock(?) as id', [nameOf(prefix, key)])
    return row?.id
  }
  const kill = async (key: string) => void (await admin.query('kill ?', [await holder(key)]))

  beforeEach(() => {
    prefix = ownName('locks')
  })
  afterEach(() => {
    for (const manager of managers.splice(0)) manager.close()
  })
  afterAll(() => Promise.all([pool, admin, gone].map((each) => each.end())))

  describe('keeps the contract', () => {
    const kit = lockKit({
      makeManager: make,
      makeSecond: make,
      makeFailing: () => mysqlLocks({ pool: gone }),
      takeAway: kill,
      countEntries: async () => {
        const holders = await Promise.all(Array.from({ length: 80 }, (_, index) => holder(`key ${index}`)))
        return holders.filter((id) => id !== null).length
      },
      disposeManager: (manager) => manager.close(),
      abilities: { fence: true, acrossProcesses: true },
      processes: inProcesses(() => ({ at: 'locks', service: 'mysql', address: url, prefix })),
    })
    for (const { name, run } of kit) test(name, run)
  })

  test('holds any number of locks on one connection', async () => {
    const locks = make()
    const keys = Array.from({ length: 50 }, (_, index) => `key ${index}`)
    const leases = await Promise.all(keys.map((key) => locks.acquire(key, terms)))
    const holders = await Promise.all(keys.map(holder))
    expect(new Set(holders).size).toBe(1)
    expect(holders[0]).toEqual(expect.any(Number))
    await Promise.all(leases.map((lease) => lease?.release()))
  })

  test('a connection that is killed ends every lease on it, and no other', async () => {
    const [locks, others] = [make(), make()]
    const leases = await Promise.all(['a', 'b'].map((key) => locks.acquire(key, terms)))
    const other = await others.acquire('c', terms)
    await kill('a')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(leases.map((lease) => lease?.signal.aborted)).toEqual([true, true])
    expect(other?.signal.aborted).toBe(false)
    await Promise.all([...leases, other].map((lease) => lease?.release()))
  })
})
