import { Client } from 'pg'

async function run(url: string, ...statements: string[]): Promise<void> {
  const client = new Client(url)
  await client.connect()
  for (const statement of statements) await client.query(statement)
  await client.end()
}

/** A database of a spec's own in PostgreSQL, with tables, while the spec runs. Gives its address. */
export function ownDatabase(url: string, name: string, tables: readonly string[]): string {
  const own = Object.assign(new URL(url), { pathname: `/${name}` }).href
  beforeAll(async () => {
    await run(url, `create database ${name}`)
    await run(own, ...tables)
  })
  // Some of an app's connections may be open yet.
  afterAll(() => run(url, `drop database ${name} with (force)`))
  return own
}
