// Each payment once, over two processes and a slow card service: npm run build, then
//   node examples/payments/processor.js
//   PORT=3002 node examples/payments/server.js
//   PORT=3003 node examples/payments/server.js
//
// The Idempotency-Key and the payment are written in one transaction: either both are there or neither. The card is charged
// afterwards, outside of it: a transaction that waits for another service holds a connection and a lock for as long as that one likes.

const path = require('node:path')
const Database = require('better-sqlite3')
const express = require('express')
const { asyncHandler, detectConflicts, resourceOf, respondToConflicts } = require('express-conflict')
const { createStoreTableStatements, createTableStatements, sqlAdapter, sqlStore } = require('express-conflict/sql')

const { PORT = '3002', FILE = path.join(__dirname, 'payments.db'), PROCESSOR = 'http://127.0.0.1:3001' } = process.env

const client = new Database(FILE)
client.pragma('journal_mode = WAL')
client.pragma('busy_timeout = 5000')
const table = { table: 'payments', json: 'value' }
for (const statement of [...createTableStatements('sqlite', table), ...createStoreTableStatements('sqlite')])
  client.exec(statement)
const payments = sqlAdapter({ client, ...table })

const payment = detectConflicts({
  name: 'payment',
  adapter: payments,
  keyPointer: '/id',
  create: ['POST'],
  path: '/:id',
  schema: {
    type: 'object',
    required: ['id', 'amount', 'card', 'status'],
    additionalProperties: false,
    properties: {
      id: { type: 'string', readOnly: true },
      amount: { type: 'integer', minimum: 1 },
      card: { type: 'string', minLength: 4 },
      status: { enum: ['pending', 'paid'], readOnly: true },
      charge: { type: 'string', readOnly: true },
    },
  },
  isolation: 'transaction',
  idempotency: {
    store: sqlStore({ client }),
    // In a real shop the session says who asks.
    scope: (req) => req.get('Authorization') ?? 'nobody',
    required: true,
    onInProgress: 'wait',
    // A process that died before COMMIT has written nothing, not even the key.
    onUnknown: 'run-again',
  },
})

const app = express()
app.use(express.json())
app.use('/payments', payment)
app.post(
  '/payments',
  asyncHandler(async (req, res) => {
    const { proposed, commit } = resourceOf(req, payment)
    const { representation } = await commit({ ...proposed, status: 'pending' })
    res.status(201).json(representation)
    // Committed and answered. If this process dies now, another one finds it pending.
    settle(representation.id).catch(console.error)
  }),
)
app.get('/payments/:id', (req, res) => res.json(resourceOf(req, payment).representation))
app.use(respondToConflicts())

/** Charges the card of a pending payment. It may run twice, in two processes: the service charges once, and one write wins. */
async function settle(id) {
  const state = await payments.read(id)
  if (state?.value.status !== 'pending') return
  const answer = await fetch(`${PROCESSOR}/charges`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': id },
    body: JSON.stringify({ amount: state.value.amount }),
  })
  if (!answer.ok) throw new Error(`The card service answered ${answer.status} for ${id}; it is tried again.`)
  const { id: charge } = await answer.json()
  await payments.write(id, { ...state.value, status: 'paid', charge }, state.version)
}

/** What a process left behind that died, or that got no answer from the service. */
async function settlePending() {
  const pending = client.prepare(`select id from payments where json_extract(value, '$.status') = 'pending'`).all()
  for (const { id } of pending) await settle(id).catch((error) => console.error(error.message))
}

const server = app.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`)
  const look = () => settlePending().finally(() => setTimeout(look, 1000).unref())
  void look()
})
