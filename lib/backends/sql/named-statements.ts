import { createHash } from 'node:crypto'
import type { PostgresPool } from 'kysely'

/** What is asked of a client of `pg`; Kysely knows the first form alone. */
interface Client {
  query(text: string, values: readonly unknown[]): Promise<unknown>
  query(named: { readonly name: string; readonly text: string; readonly values: readonly unknown[] }): Promise<unknown>
  release(): void
}
type PoolClient = Awaited<ReturnType<PostgresPool['connect']>>

/** The server keeps a plan for each on each connection, and clients that send other members make other texts. */
const MOST_NAMES = 200

/**
 * A pool whose statements have names, so that the server parses and plans each text once a connection and not once a
 * request. It is for statements outside of transactions alone: what a named statement fails with there has changed
 * nothing, so it can be sent again without a name.
 *
 * The name is a hash of the text, for a pooler may hand one server connection to several processes.
 */
export function namingStatements(pool: PostgresPool): PostgresPool {
  const before = ofPools.get(pool)
  if (before) return before
  const names = namesOf()
  const clients = new WeakMap<object, PoolClient>()
  const naming: PostgresPool = {
    async connect() {
      const client = await pool.connect()
      const named = clients.get(client) ?? namingClient(client as unknown as Client, names)
      clients.set(client, named)
      return named
    },
    end: () => pool.end(),
  }
  ofPools.set(pool, naming)
  return naming
}

/** What one adapter learns of the pool is true for all. */
const ofPools = new WeakMap<PostgresPool, PostgresPool>()

function namingClient(client: Client, names: ReturnType<typeof namesOf>): PoolClient {
  async function query(text: string, values: readonly unknown[]): Promise<unknown> {
    const name = typeof text === 'string' ? names.nameOf(text) : undefined
    if (name === undefined) return client.query(text, values)
    try {
      return await client.query({ name, text, values })
    } catch (error) {
      const { code } = error as { code?: unknown }
      if (typeof code !== 'string' || !MAY_BE_OF_THE_NAME.test(code)) throw error
      if (NOT_KEPT.test(code)) names.giveUp()
      const result = await client.query(text, values)
      // The text was right and the plan was not. Every connection has one like it.
      names.renew(text, name)
      return result
    }
  }
  return { query: query as PoolClient['query'], release: () => client.release() }
}

/** The name is not there, or taken: a pooler changes the server connection beneath, or somebody sent DEALLOCATE ALL. */
const NOT_KEPT = /^(?:26000|42P05)$/

/**
 * The plan was made for another table than the one that is there after an ALTER TABLE: the result has another type
 * (0A000), or the parameters have types that do not go with a column any more, nor with its values (classes 42 and 22).
 */
const MAY_BE_OF_THE_NAME = /^(?:26000|0A000|42(?!501)|22)/

function namesOf() {
  let known = new Map<string, string>()
  let generation = 0
  let isGivenUp = false
  return {
    nameOf(text: string): string | undefined {
      if (isGivenUp) return undefined
      const before = known.get(text)
      if (before !== undefined || known.size >= MOST_NAMES) return before
      const hash = createHash('sha256').update(`${generation} ${text}`).digest('hex').slice(0, 32)
      const name = `express-conflict ${hash}`
      known.set(text, name)
      return name
    },
    giveUp() {
      isGivenUp = true
    },
    /** Many requests may find out at once. */
    renew(text: string, name: string) {
      if (known.get(text) !== name) return
      generation++
      known = new Map()
    },
  }
}
