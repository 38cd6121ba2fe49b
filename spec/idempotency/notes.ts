import type { Pool } from 'pg'

interface SqliteDatabase {
  prepare(text: string): { get(...values: unknown[]): unknown }
}

/** How many notes there are of a title. */
export async function notesOf(client: unknown, table: string, title: string): Promise<number> {
  const text = JSON.stringify({ title })
  if (isSqlite(client)) {
    const row = client.prepare(`select count(*) as n from ${table} where json(value) = json(?)`).get(text)
    return Number((row as { n: number }).n)
  }
  const { rows } = await (client as Pool).query(`select count(*) as n from ${table} where value->>'title' = $1`, [
    title,
  ])
  return Number(rows[0].n)
}

function isSqlite(client: unknown): client is SqliteDatabase {
  return typeof client === 'object' && client !== null && 'prepare' in client
}
