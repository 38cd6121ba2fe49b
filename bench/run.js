const { compareHttp } = require('./http/compare')
const { compare } = require('./locks/compare')
const { bodies, growth } = require('./growth')
const idempotency = require('./idempotency')
const { parsing } = require('./parsing')
const { race } = require('./race')
const { sqlThroughput } = require('./sql')
const { stages } = require('./stages')
const { events, watchers } = require('./watching')

/** In CI everything runs once through: wrong answers and lost updates fail it, a slow machine does not. */
const isSmoke = process.argv.includes('--smoke')
const size = isSmoke
  ? {
      http: { generations: 1, rounds: 2, requests: 60 },
      stages: { rounds: 3 },
      parsing: { rounds: 5 },
      growth: { rounds: 2, isJudged: false },
      race: { rounds: 5, clients: 10 },
      locks: { rounds: 1, ms: 20, waiters: 100 },
      sql: { rounds: 2, requests: 40 },
      overhead: { generations: 1, rounds: 2, requests: 50 },
      correctness: { rounds: 3, duplicates: 10 },
      events: { rounds: 2 },
      watchers: { clients: 100, changes: 2 },
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
      events: { rounds: 40 },
      watchers: { clients: 10_000, changes: 10 },
    }

/** By name: `npm run bench -- http race` measures those alone. */
const MEASUREMENTS = {
  race: async () => show('The race: all clients save at once, with the same If-Match', await race(size.race)),
  idempotency: async () => {
    show('Duplicates at once, over a store whose steps take 2 ms', await idempotency.correctness(size.correctness))
    show('What an Idempotency-Key costs, µs of CPU', await idempotency.overhead(size.overhead))
  },
  parsing: () => show('Parsing If-Match and If-None-Match, ns for each byte', parsing(size.parsing)),
  growth: async () => {
    const powers = 'What a client can make large, ms of CPU at n, 2n and 4n, and with which power of n it grows'
    show(powers, await growth(size.growth))
    show('A PUT of 100 kB with each schema of the documentation, ms of CPU', await bodies(size.growth))
  },
  stages: async () => show('Each stage, µs', await stages(size.stages)),
  locks: async () => {
    const locks = await compare(size.locks)
    show('Locks, against what is used in their place', locks.speed)
    console.table(locks.memory)
  },
  http: async () => {
    const contenders = 'two handlers written by hand and against express-preconditions'
    show(`Requests over HTTP, against ${contenders}: CPU, and bytes of the heap`, await compareHttp(size.http))
  },
  watching: async () => {
    show('What listeners of events cost', await events(size.events))
    show('What open change streams cost', await watchers(size.watchers))
  },
  sql: async () =>
    show('A guarded PUT on a database, against the same statements written by hand', await sqlThroughput(size.sql)),
}

function show(title, table) {
  console.log(title)
  console.table(table)
}

async function run(names) {
  const unknown = names.find((name) => !Object.hasOwn(MEASUREMENTS, name))
  if (unknown !== undefined)
    throw new Error(`There is no measurement "${unknown}": there are ${Object.keys(MEASUREMENTS).join(', ')}.`)
  for (const name of names.length > 0 ? names : Object.keys(MEASUREMENTS)) await MEASUREMENTS[name]()
}

run(process.argv.slice(2).filter((argument) => argument !== '--smoke')).catch((error) => {
  console.error(error)
  process.exit(1)
})
