// Two people edit one article, and nobody's work is lost: npm start, or node examples/newsroom/server.js

const { createServer } = require('node:http')
const { app, stop } = require('./app')
const { seed } = require('./seed')
const { prepare } = require('./storage')
const { openAgain, thingsToTry } = require('./things-to-try')

const { HOST = 'localhost', PORT = '3000' } = process.env
const server = createServer(app)

server.on('error', (error) => {
  const taken = `Port ${PORT} is taken. Choose another one, PORT=3001 npm start, or let PORT=0 find one that is free.`
  console.error(error.code === 'EADDRINUSE' ? taken : `The newsroom cannot listen: ${error.message}`)
  process.exitCode = 1
})

async function start() {
  if (!/^\d{1,5}$/.test(PORT) || Number(PORT) > 65535)
    throw new Error(`PORT is "${PORT}"; give a number from 0 to 65535.`)
  await prepare().catch((error) => {
    throw new Error(`The newsroom cannot use its database: ${error.message || error.code}`)
  })
  const isNew = await seed()
  server.listen(Number(PORT), HOST, async () => {
    const url = `http://${HOST}:${server.address().port}`
    console.log(isNew ? await thingsToTry(url) : openAgain(url))
  })
}

// What is on its way is still answered.
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => {
    stop()
    server.close(() => process.exit())
  })

start().catch((error) => {
  console.error(error.message)
  process.exitCode = 1
})
