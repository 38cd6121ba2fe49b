const { median, spread } = require('../statistics')
const contenders = require('./contenders')

/** How many take locks at once, and on how many keys. */
const LOADS = {
  'one at a time': { workers: 1, keys: 1 },
  '8 on 8 keys': { workers: 8, keys: 8 },
  '8 on one key': { workers: 8, keys: 1 },
}

/** Takes and gives back a lock so often. Wrong answers fail it: two at once, or one too few. */
async function turn({ acquire, release }, { workers, keys }, grants) {
  const inside = new Map()
  const waits = []
  let left = grants
  const work = async (index) => {
    const key = `key-${index % keys}`
    while (left-- > 0) {
      const from = performance.now()
      const held = await acquire(key)
      waits.push(performance.now() - from)
      if (inside.get(key)) throw new Error('two held one lock at once')
      inside.set(key, true)
      await undefined
      inside.set(key, false)
      await release(held)
    }
  }
  const cpu = process.cpuUsage()
  const from = performance.now()
  await Promise.all(Array.from({ length: workers }, (_, index) => work(index)))
  if (waits.length !== grants) throw new Error(`${waits.length} grants in place of ${grants}`)
  const seconds = (performance.now() - from) / 1000
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond: grants / seconds, cpuUs: (user + system) / grants, waits }
}

/** What somebody who waits for a lock that is held costs, in bytes of heap. */
async function waiterBytes({ acquire, release }, waiters) {
  if (!globalThis.gc) return undefined
  const held = await acquire('held')
  globalThis.gc()
  const before = process.memoryUsage().heapUsed
  const waiting = Array.from({ length: waiters }, () => acquire('held'))
  await new Promise((resolve) => setTimeout(resolve, 20))
  globalThis.gc()
  const bytes = (process.memoryUsage().heapUsed - before) / waiters
  await release(held)
  await Promise.all(waiting.map(async (each) => release(await each)))
  return Math.round(bytes)
}

async function compareOne(make, load, { rounds, ms }) {
  const { ours, peer, close } = make()
  try {
    // So many grants take about as long as asked for.
    const { perSecond } = await turn(ours, load, 50)
    const grants = Math.max(20, Math.ceil((perSecond * ms) / 1000))
    const seen = { ours: [], peer: [] }
    const ratios = []
    for (let round = 0; round < rounds; round++) {
      const results = {}
      // Who comes first takes turns too.
      const order = round % 2 === 0 ? ['ours', 'peer'] : ['peer', 'ours']
      for (const each of order) results[each] = await turn(each === 'ours' ? ours : peer, load, grants)
      for (const each of order) seen[each].push(results[each])
      ratios.push(results.ours.perSecond / results.peer.perSecond)
    }
    const perSecondOf = (turns) => Math.round(median(turns.map((each) => each.perSecond)))
    const cpuOf = (turns) => Number(median(turns.map(({ cpuUs }) => cpuUs)).toPrecision(2))
    const waitOf = (turns) => Number((median(turns.map(({ waits }) => median(waits))) * 1000).toFixed(1))
    return {
      'ours, grants/s': perSecondOf(seen.ours),
      'peer, grants/s': perSecondOf(seen.peer),
      'ours / peer': spread(ratios, 2),
      'ours, CPU µs': cpuOf(seen.ours),
      'peer, CPU µs': cpuOf(seen.peer),
      'ours, median wait µs': waitOf(seen.ours),
      'peer, median wait µs': waitOf(seen.peer),
    }
  } finally {
    await close()
  }
}

/** Peers are a package of their own. In CI one that is missing fails the run. */
function isComparable(name, make) {
  try {
    void make().close()
    return true
  } catch (error) {
    if (process.env.CI || error.code !== 'MODULE_NOT_FOUND') throw error
    console.log(`${name}: left out, for the peer is not installed: npm ci --prefix bench/peers`)
    return false
  }
}

/** @returns {Promise<{ speed: object, memory: object }>} */
async function compare({ rounds, ms, waiters, only }) {
  const speed = {}
  const memory = {}
  for (const [name, make] of Object.entries(contenders)) {
    if (only && !name.startsWith(only)) continue
    if (!isComparable(name, make)) continue
    for (const [how, load] of Object.entries(LOADS))
      speed[`${name}: ${how}`] = await compareOne(make, load, { rounds, ms })
    // A peer that waits by a connection each, or by a poll each, has no more waiters than those.
    const { ours, peer, close } = make()
    const few = name.startsWith('memory') ? waiters : Math.min(waiters, 10)
    memory[name] = {
      waiters: few,
      'ours, bytes': await waiterBytes(ours, few),
      'peer, bytes': await waiterBytes(peer, few),
    }
    await close()
  }
  return { speed, memory }
}

module.exports = { compare }

if (require.main === module) {
  compare({ rounds: 20, ms: 250, waiters: 10_000, only: process.argv[2] })
    .then(({ speed, memory }) => {
      console.table(speed)
      console.table(memory)
    })
    .catch((error) => {
      console.error(error)
      process.exit(1)
    })
}
