import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import express from 'express'
import request from 'supertest'
import { editLocks, memoryStore, resourceRouter, respondToConflicts } from '../../../lib'
import { createStoreTableStatements, createTableStatements, sqlAdapter, sqlStore } from '../../../lib/backends/sql'
import type { ExpiringStore } from '../../../lib/contracts/store'
import { describeWith, ownName } from '../../services'
import { SQL_SERVERS } from './servers'

describe.each(SQL_SERVERS)('a transaction and edit locks over $service', (server) => {
  describeWith(server.service, 'on one connection', (url) => {
    const folder = mkdtempSync(join(tmpdir(), 'express-conflict-'))
    const opened = server.open(server.dialect === 'sqlite' ? join(folder, 'test.db') : url, 1)
    const table = ownName('held')
    const records = `${table}_records`

    beforeAll(async () => {
      const own = createTableStatements(server.dialect, { table, json: 'value' })
      const kept = createStoreTableStatements(server.dialect, { table: records })
      for (const statement of [...own, ...kept]) await opened.run(statement)
    })
    afterAll(async () => {
      await opened.run(`drop table ${table}`)
      await opened.run(`drop table ${records}`)
      await opened.close()
      rmSync(folder, { recursive: true })
    })

    function appWith(store: ExpiringStore) {
      const app = express()
      app.use(express.json())
      app.use(
        '/notes',
        resourceRouter({
          name: 'note',
          adapter: sqlAdapter<{ text: string }>({ client: opened.client, table, json: 'value' }),
          isolation: 'transaction',
          deadlineMs: 2000,
          preconditions: { required: false },
          editLocks: editLocks({ store, owner: (req) => req.get('User') }),
        }),
      )
      app.use(respondToConflicts({ logger: { warn: () => undefined, error: () => undefined } }))
      return app
    }

    test.each([
      ['a sqlStore of the same client', () => sqlStore({ client: opened.client, table: records })],
      ['a store of another kind', () => memoryStore()],
    ])('%s: who holds the lock saves, another one is 423', async (_name, storeOf) => {
      const app = appWith(storeOf())
      const path = `/notes/${ownName('n')}`
      const put = (user: string, text: string, token?: string) =>
        request(app)
          .put(path)
          .set({ User: user, ...(token && { If: `(${token})` }) })
          .send({ text })
      expect((await put('ann', 'milk')).status).toBe(201)
      const locked = await request(app).put(`${path}/lock`).set('User', 'ann')
      expect(locked.status).toBe(201)
      const token = String(locked.get('Lock-Token'))
      expect((await put('ben', 'oil')).status).toBe(423)
      expect((await put('ann', 'oat milk', token)).status).toBe(200)
      expect((await request(app).get(path)).body).toEqual({ text: 'oat milk' })
      const removed = await request(app)
        .delete(path)
        .set({ User: 'ann', If: `(${token})` })
      expect(removed.status).toBe(204)
    })
  })
})
