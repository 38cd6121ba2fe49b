const { compareHttp } = require('./http/compare')
const { compare } = require('./locks/compare')
const { bodies, growth } = require('./growth')
const idempotency = require('./idempotency')
const { parsing } = require('./parsing')
const { race } = require('./race')
const { sqlThroughput } = require('./sql')
const { stages } = require('./stages')

/** In CI everything runs once through: wrong answers and lost updates fail it, a slow machine does not. */
const isSmoke = process.argv.includes('--smoke')
const size = isSmoke
  ? {
      http: { generations: 1, rounds: 2, requests: 60 },
      stages: { rounds: 3 },
      parsing: { rounds: 5 },
      growth: { rounds: 2 },
      race: { rounds: 5, clients: 10 },
      locks: { rounds: 1, ms: 20, waiters: 100 },
      sql: { rounds: 2, requests: 40 },
      overhead: { generations: 1, rounds: 2, requests: 50 },
      correctness: { rounds: 3, duplicates: 10 },
    }
  : {
      http: { generations: 3, rounds: 16, requests: 400 },
      stages: { rounds: 100 },
      parsing: { rounds: 100 },
      growth: { rounds: 10 },
      race: { rounds: 50, clients: 50 },
      locks: { rounds: 20, ms: 250, waiters: 10_000 },
      sql: { rounds: 30, requests: 400 },
      overhead: { generations: 4, rounds: 30, requests: 200 },
      correctness: { rounds: 50, duplicates: 20 },
    }

async function run() {
  console.log('The race: all clients save at once, with the same If-Match')
  console.table(await race(size.race))
  console.log('Duplicates at once, over a store whose steps take 2 ms')
  console.table(await idempotency.correctness(size.correctness))
  console.log('What an Idempotency-Key costs, µs of CPU')
  console.table(await idempotency.overhead(size.overhead))
  console.log('Parsing If-Match and If-None-Match, ns for each byte')
  console.table(parsing(size.parsing))
  console.log('What a client can make large, ms of CPU at n, 2n and 4n, and with which power of n it grows')
  console.table(await growth(size.growth))
  console.log('A PUT of 100 kB with each schema of the documentation, ms of CPU')
  console.table(await bodies(size.growth))
  console.log('Each stage, µs')
  console.table(await stages(size.stages))
  console.log('Locks, against what is used in their place')
  const locks = await compare(size.locks)
  console.table(locks.speed)
  console.table(locks.memory)
  console.log(
    'Requests over HTTP, against two handlers written by hand and against express-preconditions: CPU, and bytes of the heap',
  )
  console.table(await compareHttp(size.http))
  console.log('A guarded PUT on a database, against the same statements written by hand')
  console.table(await sqlThroughput(size.sql))
}

run().catch((error) => {
  console.error(error)
  process.exit(1)
})
