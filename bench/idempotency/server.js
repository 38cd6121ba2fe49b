const { present } = require('./contenders')
const { memory, redis, redisClient } = require('./storages')

/** A process of its own for each contender: what a key costs is what the process cost. */
const [name, place] = process.argv.slice(2)

async function serve() {
  const storage = place === 'Redis' ? redis(await redisClient()) : memory()
  const server = present()
    [name](storage)
    .listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
  // Others take their turns meanwhile.
  server.keepAliveTimeout = 0
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    process.send({ cpuUs: user + system })
  })
}

process.on('disconnect', () => process.exit())
void serve()
