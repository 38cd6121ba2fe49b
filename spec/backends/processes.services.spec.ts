import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { redisAdapter } from '../../lib/backends/redis'
import { sqlAdapter } from '../../lib/backends/sql'
import { describeWith, ownName } from '../services'
import type { Count, Kept } from './counter'
import { live } from './counters'
import { SQL_SERVERS } from './sql/servers'

jest.setTimeout(180_000)

const PROCESSES = 4
const EACH = 60

/** Each process has connections of its own, and is killed and started again half-way. */
async function countTogether(kept: Kept): Promise<void> {
  const lives = await Promise.all(
    Array.from({ length: PROCESSES }, (_, index) => live(kept, `p${index}`, EACH, (count) => count === EACH / 2)),
  )
  expect(lives.flatMap(({ lost }) => lost)).toEqual([])
  for (const { acknowledged, kills } of lives) {
    expect(new Set(acknowledged).size).toBe(acknowledged.length)
    expect(kills).toBe(1)
  }
}

const EVERY_CHANGE_ONCE: Count = {
  total: PROCESSES * EACH,
  by: Object.fromEntries(Array.from({ length: PROCESSES }, (_, index) => [`p${index}`, EACH])),
}

for (const { service, dialect, types, open } of SQL_SERVERS) {
  describeWith(service, `four processes on ${service}, killed and started again`, (url) => {
    const folder = mkdtempSync(join(tmpdir(), 'express-conflict-'))
    const address = dialect === 'sqlite' ? join(folder, 'count.db') : url
    const name = ownName('count')
    const server = open(address)
    afterAll(async () => {
      await server.run(`drop table ${name}`)
      await server.close()
      rmSync(folder, { recursive: true })
    })

    test('count each change once', async () => {
      const columns = `id ${types.key} not null primary key, value ${types.json} not null, version varchar(40) not null`
      await server.run(`create table ${name} (${columns})`)
      await countTogether({ at: service as Kept['at'], address, name })
      const adapter = sqlAdapter<Count>({ client: server.client, table: name, json: 'value' })
      expect((await adapter.read('a/count'))?.value).toEqual(EVERY_CHANGE_ONCE)
    })
  })
}

describeWith('Redis', 'four processes on Redis, killed and started again', (address) => {
  const name = ownName('count')

  test('count each change once', async () => {
    await countTogether({ at: 'Redis', address, name })
    const client = new Redis(address)
    try {
      const adapter = redisAdapter<Count>({ client, prefix: name })
      const state = await adapter.read('a/count')
      expect(state?.value).toEqual(EVERY_CHANGE_ONCE)
      await adapter.remove?.('a/count', state?.version ?? '')
    } finally {
      await client.quit()
    }
  })
})
