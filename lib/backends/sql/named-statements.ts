import type { PostgresPool } from 'kysely'
import { sha256 } from '../../json/sha256'

/** The part of a `pg` client that is used. Kysely's type has only the first form of `query`. */
interface Client {
  query(text: string, values: readonly unknown[]): Promise<unknown>
  query(named: { readonly name: string; readonly text: string; readonly values: readonly unknown[] }): Promise<unknown>
  release(): void
}
type PoolClient = Awaited<ReturnType<PostgresPool['connect']>>

/** The server keeps one plan for each name and connection, and clients that send other members cause other texts. */
const MOST_NAMES = 200

/**
 * A pool whose statements have names, so the server parses and plans each text once a connection instead of once a
 * request. It is only for statements outside transactions: when a named statement fails there, nothing has changed, and
 * it can be sent again without a name.
 *
 * The name is a hash of the text, because a pooler may give one server connection to several processes.
 */
export function namingStatements(pool: PostgresPool): PostgresPool {
  const before = namedPools.get(pool)
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
  namedPools.set(pool, naming)
  return naming
}

/** All adapters over one pool share what is known about its names. */
const namedPools = new WeakMap<PostgresPool, PostgresPool>()

function namingClient(client: Client, names: ReturnType<typeof namesOf>): PoolClient {
  async function query(text: string, values: readonly unknown[]): Promise<unknown> {
    const name = typeof text === 'string' ? names.nameOf(text) : undefined
    if (name === undefined) return client.query(text, values)
    try {
      return await client.query({ name, text, values })
    } catch (error) {
      const { code } = error as { code?: unknown }
      if (typeof code !== 'string' || !MAY_COME_FROM_THE_NAME.test(code)) throw error
      if (NOT_KEPT.test(code)) names.giveUp()
      const result = await client.query(text, values)
      // It succeeded without the name, so the plan was out of date. Other connections have the same old plan.
      names.renew(text, name)
      return result
    }
  }
  return { query: query as PoolClient['query'], release: () => client.release() }
}

/** The name is unknown or taken: a pooler has switched the server connection, or somebody sent DEALLOCATE ALL. */
const NOT_KEPT = /^(?:26000|42P05)$/

/**
 * The plan was made before an ALTER TABLE. The result has another type now (0A000), or the parameters no longer fit a
 * column or its values (classes 42 and 22).
 */
const MAY_COME_FROM_THE_NAME = /^(?:26000|0A000|42(?!501)|22)/

function namesOf() {
  let known = new Map<string, string>()
  let generation = 0
  let isGivenUp = false
  return {
    nameOf(text: string): string | undefined {
      if (isGivenUp) return undefined
      const before = known.get(text)
      if (before !== undefined || known.size >= MOST_NAMES) return before
      const hash = sha256(`${generation} ${text}`, 'hex').slice(0, 32)
      const name = `express-conflict ${hash}`
      known.set(text, name)
      return name
    },
    giveUp() {
      isGivenUp = true
    },
    /** Several requests may notice it at once. Only the first one changes the names. */
    renew(text: string, name: string) {
      if (known.get(text) !== name) return
      generation++
      known = new Map()
    },
  }
}
