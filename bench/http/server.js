const { memoryAdapter } = require('express-conflict')
const { articleOf } = require('../article')
const contenders = require('./contenders')

/** A process of its own for each contender: what it costs is what the process cost. */
const [name, resources, bytes] = process.argv.slice(2)

async function serve() {
  // Each state has a second of its own, long ago: all answers have a Last-Modified, whenever they are measured.
  let now = Date.UTC(2000, 0)
  const adapter = memoryAdapter({
    now: () => {
      now += 1000
      return now
    },
  })
  for (let id = 0; id < Number(resources); id++)
    await adapter.write(String(id), articleOf(String(id), Number(bytes)), null)
  const server = contenders[name](adapter).listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
  // Its connections are idle while it is the others' turn.
  server.keepAliveTimeout = 0
  process.on('message', (what) => process.send(FIGURES[what]()))
}

const FIGURES = {
  cpuUs() {
    const { user, system } = process.cpuUsage()
    return user + system
  },
  /** Where the heap has room for all that is allocated until it is looked at again, the difference is what was allocated. */
  tidyHeapBytes() {
    global.gc()
    return process.memoryUsage().heapUsed
  },
  heapBytes: () => process.memoryUsage().heapUsed,
}

process.on('disconnect', () => process.exit())
void serve()
