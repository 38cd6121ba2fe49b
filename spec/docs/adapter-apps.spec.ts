import { mkdtempSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Express } from 'express'
import request from 'supertest'
import { describeWith, ownName, type ServiceName } from '../services'
import { pageAt } from './page'

interface App {
  readonly service: ServiceName
  readonly names: string
  /** What the page takes to be there. */
  readonly table?: string
  readonly path?: string
}

const APPS: readonly App[] = [
  { service: 'PostgreSQL', names: "require('pg')" },
  { service: 'PostgreSQL', names: "isolation: 'transaction'" },
  { service: 'PostgreSQL', names: "merge: 'disjoint'" },
  {
    service: 'MariaDB',
    names: "require('mysql2')",
    table: '(article_id integer auto_increment primary key, title varchar(50), published tinyint)',
    path: '/articles/7',
  },
  { service: 'SQLite', names: "require('better-sqlite3')" },
  { service: 'Redis', names: "require('ioredis')" },
]

describe.each(APPS)('the app of docs/adapters.md on $service', ({ service, names, table, path = '/articles/a' }) => {
  describeWith(service, 'runs as printed', (url) => {
    const folder = mkdtempSync(join(tmpdir(), 'express-conflict-'))
    const name = ownName('docs')
    const text = pageAt('docs/adapters.md').blocks.find((block) => block.text.includes(names))?.text ?? ''
    const closing: Array<() => unknown> = []
    let app: Express

    /** The clients that the app makes are closed at the end. */
    function requireForApp(module: string): unknown {
      const found = require(module)
      return new Proxy(found, {
        construct: (target, args) => closed(Reflect.construct(target, args)),
        get: (target, member) => {
          const value = Reflect.get(target, member)
          if (!/^(Pool|Redis|createPool)$/.test(String(member))) return value
          return new Proxy(value, {
            construct: (type, args) => closed(Reflect.construct(type, args)),
            apply: (call, _, args) => closed(call(...args)),
          })
        },
      })
    }
    function closed<C extends { end?(): unknown; quit?(): unknown; close?(): unknown }>(client: C): C {
      closing.push(() => (client.quit ? client.quit() : client.end ? client.end() : client.close?.()))
      return client
    }

    beforeAll(async () => {
      if (table) await withMariadb(url, `create table ${name} ${table}`)
      const address = service === 'SQLite' ? join(folder, 'app.db') : url
      const own = text
        .replaceAll('process.env.DATABASE_URL', JSON.stringify(address))
        .replaceAll('process.env.REDIS_URL', JSON.stringify(address))
        .replace("table: 'articles'", `table: '${name}'`)
        .replace('from articles', `from ${name}`)
        .replaceAll('articles_log', `${name}_log`)
        .replaceAll('articles_history', `${name}_history`)
        .replace("prefix: 'articles'", `prefix: '${name}'`)
        .replace('app.listen(3000)', 'ready(app)')
      app = await new Promise<Express>((ready) => new Function('require', 'ready', own)(requireForApp, ready))
      if (service === 'Redis') await new Promise((resolve) => setTimeout(resolve, 200))
    })
    afterAll(async () => {
      for (const close of closing) await close()
      if (service === 'PostgreSQL')
        await withPostgres(url, `drop table if exists ${name}, ${name}_log, ${name}_history`)
      if (service === 'MariaDB') await withMariadb(url, `drop table ${name}`)
      rmSync(folder, { recursive: true })
    })

    test('and lets no update get lost', async () => {
      const server: Server = app.listen(0)
      try {
        const made = await request(server).put(path).set('If-None-Match', '*').send({ title: 'one' })
        expect(made.status).toBe(201)
        const read = await request(server).get(path)
        expect(read.body).toMatchObject({ title: 'one' })
        const etag = read.headers.etag ?? ''
        const change = (title: string) => request(server).put(path).set('If-Match', etag).send({ title })
        const answers = await Promise.all(['two', 'three', 'four'].map((title) => change(title)))
        expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412])
        const last = await request(server).get(path)
        expect(
          (
            await request(server)
              .delete(path)
              .set('If-Match', last.headers.etag ?? '')
          ).status,
        ).toBe(204)
      } finally {
        server.close()
      }
    })
  })
})

async function withMariadb(url: string, statement: string): Promise<void> {
  const { createConnection } = require('mysql2/promise')
  const connection = await createConnection(url)
  await connection.query(statement)
  await connection.end()
}

async function withPostgres(url: string, statement: string): Promise<void> {
  const { Client } = require('pg')
  const client = new Client(url)
  await client.connect()
  await client.query(statement)
  await client.end()
}
