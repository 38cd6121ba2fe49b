import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pageAt } from '../docs/page'
import { describeWith, ownName, type ServiceName } from '../services'
import { newFolder, removeFolder, unpack, whileRunning } from './install'

interface App {
  readonly service: ServiceName
  readonly names: string
  /** What the page takes to be there. */
  readonly table?: string
  /** The database gives the keys, so that PUT creates nothing. */
  readonly isKeyGiven?: boolean
}

const APPS: readonly App[] = [
  { service: 'PostgreSQL', names: "require('pg')" },
  { service: 'PostgreSQL', names: "isolation: 'transaction'" },
  { service: 'PostgreSQL', names: "merge: 'disjoint'" },
  {
    service: 'MariaDB',
    names: "require('mysql2')",
    table: '(article_id integer auto_increment primary key, title varchar(50), published tinyint)',
    isKeyGiven: true,
  },
  { service: 'SQLite', names: "require('better-sqlite3')" },
  { service: 'Redis', names: "require('ioredis')" },
]

const parent = newFolder()
beforeAll(() => unpack(parent))
afterAll(() => removeFolder(parent))

/** The app that the page prints, with a name of its own for what others have too. */
function appOn(folder: string, names: string, name: string): Promise<void> {
  const blocks = ['sql', 'redis', 'files'].flatMap((page) => pageAt(`docs/${page}.md`).blocks)
  const text = blocks.find((block) => block.text.includes(names))?.text ?? ''
  const own = text
    .replace("table: 'articles'", `table: '${name}'`)
    .replace('from articles', `from ${name}`)
    .replaceAll('articles_log', `${name}_log`)
    .replaceAll('articles_history', `${name}_history`)
    .replace("prefix: 'articles'", `prefix: '${name}'`)
    .replace('app.listen(3000)', 'app.listen(0, function () { console.log(this.address().port) })')
  return writeFile(join(folder, 'app.js'), own)
}

async function loseNothing(app: string, isKeyGiven = false): Promise<void> {
  let path = isKeyGiven ? '/articles' : '/articles/a'
  const ask = (method: string, headers: Record<string, string>, title?: string) =>
    fetch(new URL(path, app), {
      method,
      headers: { 'Content-Type': 'application/json', ...headers },
      ...(title && { body: JSON.stringify({ title }) }),
    })
  const made = isKeyGiven ? await ask('POST', {}, 'one') : await ask('PUT', { 'If-None-Match': '*' }, 'one')
  expect(made.status).toBe(201)
  path = made.headers.get('Location') ?? path
  const read = await ask('GET', {})
  expect(await read.json()).toMatchObject({ title: 'one' })
  const tag = read.headers.get('ETag') ?? ''
  const answers = await Promise.all(['two', 'three', 'four'].map((title) => ask('PUT', { 'If-Match': tag }, title)))
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412])
  const last = (await ask('GET', {})).headers.get('ETag') ?? ''
  expect((await ask('DELETE', { 'If-Match': last })).status).toBe(204)
}

describe.each(APPS)('the app of the docs on $service, $names', ({ service, names, table, isKeyGiven }) => {
  describeWith(service, 'runs as printed, from the tarball', (url) => {
    const name = ownName('docs')
    const folder = join(parent, name)
    beforeAll(async () => {
      await mkdir(folder)
      await appOn(folder, names, name)
      if (table) await withMariadb(url, `create table ${name} ${table}`)
    })
    afterAll(async () => {
      if (service === 'PostgreSQL')
        await withPostgres(url, `drop table if exists ${name}, ${name}_log, ${name}_history`)
      if (service === 'MariaDB') await withMariadb(url, `drop table ${name}`)
    })

    test('and lets no update get lost', async () => {
      const env = { DATABASE_URL: service === 'SQLite' ? join(folder, 'app.db') : url, REDIS_URL: url }
      await whileRunning(folder, 'app.js', (app) => loseNothing(app, isKeyGiven), env)
    })
  })
})

test('the app of the docs on files runs as printed, from the tarball', async () => {
  const folder = join(parent, 'files')
  await mkdir(folder)
  await appOn(folder, "'data/articles'", 'articles')
  await whileRunning(folder, 'app.js', (app) => loseNothing(app))
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
