// A stand-in for the service that charges cards. It is slow, and like real ones it takes a key: with one key it charges once, however
// often and by whomever it is asked.

const express = require('express')

const app = express()
app.use(express.json())

const { PORT = '3001', SLOW_MS = '300' } = process.env
const charges = new Map()
let asked = 0

app.post('/charges', (req, res) => {
  asked += 1
  const key = req.get('Idempotency-Key')
  const charge = charges.get(key) ?? { id: `ch_${charges.size + 1}`, amount: req.body.amount }
  charges.set(key, charge)
  setTimeout(() => res.status(201).json(charge), Number(SLOW_MS))
})
app.get('/charges', (_req, res) => res.json({ asked, charges: [...charges.values()] }))

const server = app.listen(Number(PORT), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`))
