// No room is booked twice: node examples/booking/server.js (after npm run build)
//
// "No two bookings of a room overlap" is a rule over several resources. In memory, all changes of one room wait for each other, so that
// a rule which looks at the others sees them all. With DATABASE_URL, PostgreSQL has the rule as an exclusion constraint, which needs no lock.

const express = require('express')
const {
  commitChange,
  detectConflicts,
  memoryAdapter,
  memoryLocks,
  resourceOf,
  respondToConflicts,
} = require('express-conflict')

/** Half open: a guest may arrive on the day on which another one leaves. Dates compare as texts. */
const overlap = (one, other) => one.room === other.room && one.from < other.to && other.from < one.to

function inMemory() {
  const adapter = memoryAdapter()
  const list = async () => (await adapter.entries()).map(({ state }) => state.value)

  async function roomIsFree({ proposed }) {
    const other = proposed && (await list()).find((each) => each.id !== proposed.id && overlap(each, proposed))
    // Who the other guest is stays between the hotel and them.
    return other && { detail: `The room is taken from ${other.from} to ${other.to}.`, pointers: ['/from', '/to'] }
  }

  return {
    adapter,
    list,
    rules: [roomIsFree],
    isolation: 'lock',
    lock: { manager: memoryLocks(), key: (req) => `room ${req.params.room}`, waitMs: 5000 },
  }
}

async function inPostgres(connectionString, table) {
  const { Pool } = require('pg')
  const { sqlAdapter } = require('express-conflict/sql')
  const client = new Pool({ connectionString })
  client.on('error', console.error)
  await client.query('create extension if not exists btree_gist')
  await client.query(`do $$ begin create type ${table}_days as range (subtype = text, collation = "C");
    exception when duplicate_object then null; end $$`)
  await client.query(`create table if not exists ${table} (
    id text primary key, room text not null, "from" text not null, "to" text not null, guest text not null, version text not null,
    constraint ${table}_free exclude using gist (room with =, ${table}_days("from", "to") with &&))`)
  const columns = ['id', 'room', 'from', 'to', 'guest']
  return {
    adapter: sqlAdapter({ client, table, columns }),
    list: async () => (await client.query(`select id, room, "from", "to" from ${table}`)).rows,
    constraints: { [`${table}_free`]: ['/from', '/to'] },
  }
}

async function bookingApp(databaseUrl, table = 'bookings') {
  const { list, ...storage } = databaseUrl ? await inPostgres(databaseUrl, table) : inMemory()
  const day = { type: 'string', format: 'date' }
  const booking = detectConflicts({
    name: 'booking',
    keyPointer: '/id',
    schema: {
      type: 'object',
      required: ['id', 'room', 'from', 'to', 'guest'],
      additionalProperties: false,
      properties: {
        id: { type: 'string' },
        room: { type: 'string' },
        from: day,
        to: day,
        guest: { type: 'string', minLength: 1 },
      },
    },
    // Another room is another booking: its lock is another one, too.
    immutable: ['/room'],
    allow: (req, current) => (current && current.value.room !== req.params.room ? { as: 'not_found' } : undefined),
    ...storage,
    rules: [staysANight, ...(storage.rules ?? [])],
  })

  const app = express()
  app.use(express.json({ type: ['application/json', 'application/*+json'] }))
  app.get('/rooms/:room/bookings', (req, res, next) => {
    const free = ({ room, from, to }) => room === req.params.room && { from, to }
    list().then((all) => res.json(all.map(free).filter(Boolean)), next)
  })
  app
    .route('/rooms/:room/bookings/:id')
    .all(roomOfUrl, booking)
    .get((req, res) => res.json(resourceOf(req, booking).representation))
    .put(commitChange())
    .patch(commitChange())
    .delete(commitChange())
  app.use(respondToConflicts())
  return app
}

const staysANight = ({ proposed }) =>
  proposed && proposed.from >= proposed.to ? { detail: 'A guest stays for a night.', pointers: ['/to'] } : undefined

/** The room is in the URL; nobody need say it twice. */
function roomOfUrl(req, _res, next) {
  if (req.body) req.body.room = req.params.room
  next()
}

async function start({ PORT = '3000', HOST = '127.0.0.1', DATABASE_URL, TABLE } = process.env) {
  const app = await bookingApp(DATABASE_URL, TABLE)
  const server = app.listen(Number(PORT), HOST, () => console.log(`http://${HOST}:${server.address().port}`))
}

start().catch((error) => {
  console.error(error.message)
  process.exitCode = 1
})
