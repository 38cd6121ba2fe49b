import { setTimeout } from 'node:timers/promises'
import { Client } from 'pg'

async function run(url: string, ...statements: string[]): Promise<void> {
  const client = new Client(url)
  await client.connect()
  for (const statement of statements) await client.query(statement)
  await client.end()
}

async function connectionsTo(url: string, name: string): Promise<number> {
  const client = new Client(url)
  await client.connect()
  const { rowCount } = await client.query('select from pg_stat_activity where datname = $1', [name])
  await client.end()
  return rowCount ?? 0
}

/** A database of a spec's own in PostgreSQL, with tables, while the spec runs. Gives its address. */
export function ownDatabase(url: string, name: string, tables: readonly string[]): string {
  const own = Object.assign(new URL(url), { pathname: `/${name}` }).href
  beforeAll(async () => {
    await run(url, `create database ${name}`)
    await run(own, ...tables)
  })
  // A pool that has ended may have connections on the server for a moment yet, and to cut one is an error that its client throws.
  afterAll(async () => {
    for (let tries = 0; tries < 500 && (await connectionsTo(url, name)) > 0; tries++) await setTimeout(10)
    await run(url, `drop database ${name} with (force)`)
  })
  return own
}
