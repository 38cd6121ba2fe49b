const { once } = require('node:events')
const { mkdtempSync, readdirSync, readFileSync, rmSync } = require('node:fs')
const http = require('node:http')
const { tmpdir } = require('node:os')
const path = require('node:path')
const vm = require('node:vm')
const express = require('express')
const {
  commitChange,
  detectConflicts,
  editLocks,
  memoryAdapter,
  memoryLocks,
  memoryStore,
  receiveFile,
  resourceRouter,
  respondToConflicts,
  sendFile,
} = require('express-conflict')
const { uploadAdapter } = require('express-conflict/file')

/** Linear is 1, n log n up to 1.2 at these sizes, quadratic 2. The rest is room for a machine that has other work. */
const MOST_EXPONENT = 1.5
const TRIES = 4

const json = { 'content-type': 'application/json' }
const list = (n, of) => Array.from({ length: n }, (_, index) => of(index))
const object = (n, of) => Object.fromEntries(list(n, (index) => [`m${index}`, of(index)]))
const id = (index) => ({ id: `i${index}`, n: index })

/** A resource at /r/1 with this value, behind the router. Gives a function that sends a request. */
async function served(value, options = {}, extend = () => {}) {
  const adapter = memoryAdapter({ history: 10 })
  const { state } = await adapter.write('1', value, null)
  const app = express().set('env', 'test')
  extend(app)
  app.use(
    '/r',
    express.json({ limit: '8mb', type: ['application/json', 'application/*+json'] }),
    resourceRouter({ name: `r${names++}`, adapter, ...options }),
  )
  app.use(respondToConflicts({ logger: { warn() {}, error() {} } }))
  const server = http.createServer({ maxHeaderSize: 4_000_000 }, app)
  server.maxHeadersCount = 0
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  opened.push(server)
  const agent = new http.Agent({ keepAlive: true })
  return (method, headers, body, query = '') =>
    new Promise((resolve, reject) => {
      const { port } = server.address()
      const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
      const length = text === undefined ? {} : { 'content-length': Buffer.byteLength(text) }
      const asked = { port, agent, method, path: `/r/1${query}`, headers: { ...length, ...headers } }
      const sent = http.request(asked, (answer) => {
        let got = ''
        answer.setEncoding('utf8')
        answer.on('data', (chunk) => {
          got += chunk
        })
        answer.on('end', () => resolve({ status: answer.statusCode, etag: answer.headers.etag, text: got }))
      })
      sent.on('error', reject)
      sent.end(text)
    }).then((answer) => ({ ...answer, etag: answer.etag ?? `"${state.version}"` }))
}

let names = 0
const opened = []
const folders = []

/** PUT of a body in place of a stored one. */
const putting = (stored, body, options) => async (n) => {
  const send = await served(stored(n), typeof options === 'function' ? options(n) : options)
  return async () => send('PUT', { ...json, 'if-match': '*' }, body(n))
}

const patching = (type, stored, body, options) => async (n) => {
  const send = await served(stored(n), options)
  return async () => send('PATCH', { 'content-type': type, 'if-match': '*' }, body(n))
}

/** A GET with this header field. */
const getting = (field, text) => async (n) => {
  const send = await served({ a: 1 })
  return () => send('GET', { [field]: text(n) })
}

/** A PUT with this header field, and `If-Match: *` unless it is that. */
const puttingWith = (field, text, options) => async (n) => {
  const send = await served({ a: 1 }, options)
  return () => send('PUT', { ...json, 'if-match': '*', [field]: text(n) }, { a: 2 })
}

/** A file at /r/1, and a function that sends a request about it. */
async function uploaded() {
  const folder = mkdtempSync(path.join(tmpdir(), 'growth-'))
  folders.push(folder)
  const adapter = uploadAdapter({ folder })
  const send = await served({}, {}, (app) => {
    const chain = detectConflicts({ name: `upload${names++}`, adapter })
    app.get('/r/:id', chain, sendFile())
    app.put('/r/:id', receiveFile({ adapter, maxBytes: 10_000_000 }), chain, commitChange())
  })
  await send('PUT', { 'content-type': 'text/plain', 'if-none-match': '*' }, 'x')
  return send
}

const locks = () => ({ editLocks: editLocks({ store: memoryStore(), owner: () => 'ann' }) })
const keys = () => ({ idempotency: { store: memoryStore(), scope: () => 'all' } })

const MERGE = 'application/merge-patch+json'
const PATCH = 'application/json-patch+json'
const readOnly = { additionalProperties: { properties: { id: { readOnly: true } } } }

/** What a client can make large: how many, and what is done with so many. */
const ROWS = {
  'PUT: characters': [
    20_000,
    putting(
      () => ({ a: '' }),
      (n) => ({ a: 'x'.repeat(n * 10) }),
    ),
  ],
  'PUT: members': [
    2000,
    putting(
      (n) => object(n, String),
      (n) => object(n, (index) => index),
    ),
  ],
  'PUT: items': [
    5000,
    putting(
      (n) => list(n, String),
      (n) => list(n, (index) => index),
    ),
  ],
  'PUT: items by id, the other way round': [
    1000,
    putting(
      (n) => ({ items: list(n, id) }),
      (n) => ({ items: list(n, id).reverse() }),
      {
        arrayKeys: { '/items': '/id' },
        immutable: ['/items/*/n'],
      },
    ),
  ],
  'PUT: items of one id': [
    1000,
    putting(
      (n) => ({ items: list(n, () => id(0)) }),
      (n) => ({ items: list(n, () => id(0)) }),
      {
        arrayKeys: { '/items': '/id' },
        immutable: ['/items/*/n'],
      },
    ),
  ],
  'PUT: readOnly members': [
    1000,
    putting(
      (n) => object(n, id),
      (n) => object(n, id),
      { schema: readOnly },
    ),
  ],
  'PUT: writeOnly members': [
    1000,
    putting(
      (n) => object(n, id),
      (n) => object(n, () => ({})),
      { schema: { additionalProperties: { properties: { id: { writeOnly: true } } } } },
    ),
  ],
  'PUT: items with a branch each to find': [
    1000,
    putting(
      () => [],
      (n) => list(n, (index) => ({ id: 'a', n: index % 10 })),
      {
        schema: {
          items: {
            oneOf: list(10, (index) => ({
              properties: { n: { const: index }, id: { readOnly: true } },
              required: ['n'],
            })),
          },
        },
      },
    ),
  ],
  'PUT: items that are merged': [
    1000,
    async (n) => {
      const items = list(n, id)
      const send = await served({ items, a: 0 }, { merge: 'disjoint', arrayKeys: { '/items': '/id' } })
      const { etag } = await send('GET', {})
      await send('PUT', { ...json, 'if-match': etag }, { items: items.map((item) => ({ ...item, theirs: 1 })), a: 0 })
      // Refused for what both changed, after all of it was compared.
      return () =>
        send('PUT', { ...json, 'if-match': etag }, { items: items.map((item) => ({ ...item, theirs: 2 })), a: 1 })
    },
  ],
  'PUT: hidden members': [
    1000,
    putting(
      (n) => object(n, id),
      (n) => object(n, () => ({})),
      { hidden: ['/*/id'] },
    ),
  ],
  'PUT: a hidden pattern for each member': [
    100,
    putting(
      (n) => object(n, id),
      (n) => object(n, () => ({})),
      (n) => ({ hidden: list(n, (index) => `/m${index}/id`) }),
    ),
  ],
  'PUT: empty items where much is required': [
    2000,
    putting(
      () => [],
      (n) => list(n, () => ({})),
      {
        schema: {
          type: 'array',
          items: { required: list(20, (index) => `r${index}`), properties: { id: { readOnly: true } } },
        },
      },
    ),
  ],
  'PUT: items that have to differ': [
    2000,
    putting(
      () => [],
      (n) => list(n, (index) => index),
      { schema: { type: 'array', uniqueItems: true } },
    ),
  ],
  'PUT: a URL of colons': [
    20_000,
    putting(
      () => ({}),
      (n) => ({ url: `http://${':'.repeat(n * 4)}` }),
      {
        schema: { properties: { url: { type: 'string', format: 'uri' } } },
      },
    ),
  ],
  'PUT: digits of a number': [
    5000,
    putting(
      () => ({}),
      (n) => `{"n":1${'0'.repeat(n)}}`,
    ),
  ],
  'PUT: arrays in arrays': [
    25,
    putting(
      () => ({}),
      (n) => `{"a":${'['.repeat(n)}${']'.repeat(n)}}`,
    ),
  ],
  'merge patch: members': [
    2000,
    patching(
      MERGE,
      (n) => object(n, String),
      (n) => object(n, (index) => index),
    ),
  ],
  'merge patch: members that go': [
    1000,
    patching(
      MERGE,
      (n) => object(n, String),
      (n) => object(n, () => null),
    ),
  ],
  'JSON Patch: operations': [
    200,
    patching(
      PATCH,
      (n) => object(n, String),
      (n) => list(n, (index) => ({ op: 'replace', path: `/m${index}`, value: 1 })),
    ),
  ],
  'JSON Patch: items put in front': [
    200,
    patching(
      PATCH,
      () => ({ items: [] }),
      (n) => list(n, () => ({ op: 'add', path: '/items/0', value: 1 })),
    ),
  ],
  'JSON Patch: tests of the whole': [
    100,
    patching(
      PATCH,
      () => ({ a: 1 }),
      (n) => list(n, () => ({ op: 'test', path: '', value: { a: 1 } })),
    ),
  ],
  'If-Match: tags': [
    50,
    async (n) => {
      const send = await served({ a: 1 })
      const field = list(n, (index) => `"t${index}"`).join(', ')
      return () => send('PUT', { ...json, 'if-match': field }, { a: 2 })
    },
  ],
  'If-None-Match: tags': [50, getting('if-none-match', (n) => list(n, (index) => `"t${index}"`).join())],
  'If-Match: commas': [5000, puttingWith('if-match', (n) => ','.repeat(n))],
  'If-Modified-Since: characters': [5000, getting('if-modified-since', (n) => `Mon, 01 Jan ${'0'.repeat(n)}`)],
  'If: lists': [8, puttingWith('if', (n) => list(n, (index) => `(<urn:${index}> ["t"])`).join(' '), locks())],
  'If: a list that nothing ends': [5000, puttingWith('if', (n) => `(${'<urn:a> '.repeat(n / 8)}`, locks())],
  'Prefer: preferences': [500, puttingWith('prefer', (n) => list(n, (index) => `a${index}="b"; c=d`).join())],
  'Prefer: spaces, and quotes that nothing ends': [
    1_100,
    puttingWith('prefer', (n) => `return${' '.repeat(n)}"${'\\"'.repeat(n)}`),
  ],
  'Accept-Language: languages': [1000, getting('accept-language', (n) => list(n, () => 'en;q=0.1').join())],
  'Cookie: cookies': [1000, getting('cookie', (n) => list(n, (index) => `c${index}=1`).join('; '))],
  'Idempotency-Key: characters': [2500, puttingWith('idempotency-key', (n) => 'k'.repeat(n), keys())],
  'Idempotency-Key: parameters': [500, puttingWith('idempotency-key', (n) => `"k"${';a="b"'.repeat(n)}`, keys())],
  'a version in the query, characters': [
    2500,
    async (n) => {
      const send = await served({ a: 1 }, { preconditions: { versionQuery: 'v' } })
      return () => send('PUT', json, { a: 2 }, `?v=${'v'.repeat(n)}`)
    },
  ],
  'versions in the query': [
    500,
    async (n) => {
      const send = await served({ a: 1 }, { preconditions: { versionQuery: 'v' } })
      return () => send('PUT', json, { a: 2 }, `?${'v=1&'.repeat(n)}`)
    },
  ],
  'header lines': [
    100,
    async (n) => {
      const send = await served({ a: 1 })
      const many = Object.fromEntries(list(n, (index) => [`x-${index}`, 'x']))
      return () => send('GET', { ...many, 'if-modified-since': new Date(0).toUTCString() })
    },
  ],
  'Idempotency-Key: characters of the body': [
    10_000,
    async (n) => {
      const send = await served({ a: '' }, { idempotency: { store: memoryStore(), scope: () => 'all' } })
      let key = 0
      return () =>
        send('PUT', { ...json, 'if-match': '*', 'idempotency-key': `k${n}-${key++}` }, { a: 'x'.repeat(n * 4) })
    },
  ],
  'routers below a chain that does not match': [
    1000,
    async (n) => {
      const send = await served({ a: 1 }, {}, (app) => {
        app.use(detectConflicts({ name: `above${names++}`, adapter: memoryAdapter(), path: '/things/:id' }))
        for (let index = 0; index < n; index++) app.use(`/other${index}`, express.Router())
      })
      return () => send('GET', {})
    },
  ],
  'routers above a chain behind a route that went on': [
    1000,
    async (n) => {
      const send = await served({ a: 1 }, {}, (app) => {
        app.get('/r/:id', (_req, _res, next) => next())
        for (let index = 0; index < n; index++) app.use(`/other${index}`, express.Router())
      })
      return () => send('GET', {})
    },
  ],
  'upload: bytes': [
    250_000,
    async (n) => {
      const send = await uploaded()
      return () => send('PUT', { 'content-type': 'text/plain', 'if-match': '*' }, 'x'.repeat(n))
    },
  ],
  'upload: bytes of a form, which is refused': [
    250_000,
    async (n) => {
      const send = await uploaded()
      const form = `--b\r\n\r\n${'--b\r\n\r\nx\r\n'.repeat(n / 10)}--b--`
      return () => send('PUT', { 'content-type': 'multipart/form-data; boundary=b', 'if-match': '*' }, form)
    },
  ],
  'Range: ranges': [
    1000,
    async (n) => {
      const send = await uploaded()
      return () => send('GET', { range: `bytes=${list(n, (index) => `${index}-${index}`).join()}` })
    },
  ],
  'Content-Digest: algorithms': [
    1000,
    async (n) => {
      const send = await uploaded()
      const field = list(n, (index) => `a${index}=:aGk=:;b="c"`).join()
      return () => send('PUT', { 'content-type': 'text/plain', 'if-match': '*', 'content-digest': field }, 'x')
    },
  ],
  'records of a full store': [
    10_000,
    async (n) => {
      const store = memoryStore({ maxRecords: n })
      for (let index = 0; index < n; index++) await store.create(`k${index}`, 'v', 60_000 + index)
      let made = 0
      return async () => {
        // As many calls for each n: a call that walks the records shows as growth.
        for (let call = 0; call < n; call++) {
          const key = `k${made % n}`
          await store.remove(key, 'v')
          await store.create(key, 'v', 60_000 + ((made++ * 7919) % n))
        }
      }
    },
  ],
  'records that have expired': [
    10_000,
    async (n) => {
      let now = 0
      const store = memoryStore({ now: () => now })
      let made = 0
      return async () => {
        for (let call = 0; call < n; call++) await store.create(`k${made++}`, 'v', 1000)
        now += 2000
        await store.create(`k${made++}`, 'v', 1000)
      }
    },
  ],
  'waiters of one lock': [
    12_500,
    async (n) => async () => {
      const locks = memoryLocks()
      const terms = { waitMs: 60_000, leaseMs: 60_000, maxHoldMs: 60_000 }
      const first = await locks.acquire('a', terms)
      const waiting = list(n, () => locks.acquire('a', terms).then((lease) => lease.release()))
      await first.release()
      await Promise.all(waiting)
    },
  ],
  'requests on one key, one after the other': [
    50,
    async (n) => {
      const send = await served({ a: 1 }, { isolation: 'lock', lock: { manager: memoryLocks(), maxWaiting: 100_000 } })
      return () => Promise.all(list(n, () => send('PUT', { ...json, 'if-match': '*' }, { a: 2 })))
    },
  ],
  'duplicates of one request': [
    50,
    async (n) => {
      const store = memoryStore()
      const send = await served({ a: 1 }, { idempotency: { store, scope: () => 'all' } })
      let key = 0
      return async () => {
        const headers = { ...json, 'if-match': '*', 'idempotency-key': `d${key++}` }
        return Promise.all(list(n, () => send('PUT', headers, { a: 3 })))
      }
    },
  ],
}

/** What 100 kB of JSON can be. */
const BODIES = {
  members: () => object(6000, (index) => index % 10),
  objects: () => object(4000, () => ({ id: 1 })),
  'empty objects': () => list(33_000, () => ({})),
  'nested lists': () => ({ tags: list(16_000, () => [[]]), items: list(5000, () => ({ id: 1 })) }),
  'a long text': () => ({ title: ':'.repeat(98_000), url: `http://${':'.repeat(10)}` }),
  'short texts': () => ({ title: 'a', tags: list(24_000, () => 'a'), items: list(10, id) }),
}

const BODY_MS = 50

/** Every `schema: { … }` of the documentation. */
function documentedSchemas() {
  const folder = path.join(__dirname, '../docs')
  const pages = readdirSync(folder).filter((name) => name.endsWith('.md'))
  const texts = pages.flatMap((name) =>
    readFileSync(path.join(folder, name), 'utf8')
      .split(/\bschema: (?=\{)/)
      .slice(1),
  )
  return texts.flatMap((text) => {
    const end = [...text].findIndex(
      ((depth) => (letter) => {
        depth += letter === '{' ? 1 : letter === '}' ? -1 : 0
        return depth === 0
      })(0),
    )
    try {
      return [vm.runInNewContext(`(${text.slice(0, end + 1)})`)]
    } catch {
      // It names something of its page.
      return []
    }
  })
}

/** The dearest PUT of 100 kB for every schema of the documentation, in milliseconds of CPU. */
async function bodies({ rounds, isJudged = true }) {
  const table = {}
  for (const [index, schema] of documentedSchemas().entries()) {
    const seen = {}
    for (const [name, bodyOf] of Object.entries(BODIES)) {
      const send = await served({}, { schema: JSON.parse(JSON.stringify(schema)) })
      const body = JSON.stringify(bodyOf())
      const work = () => send('PUT', { ...json, 'if-match': '*' }, body)
      for (let tries = 0; tries < (isJudged ? TRIES : 1) && !(seen[name] < BODY_MS); tries++)
        seen[name] = await cost(work, rounds)
      close()
    }
    const label = `${index + 1}: ${JSON.stringify(schema).slice(0, 50)}`
    table[label] = Object.fromEntries(Object.entries(seen).map(([name, ms]) => [name, ms.toFixed(1)]))
    const slow = Object.entries(seen).filter(([, ms]) => ms >= BODY_MS)
    if (isJudged && slow.length > 0)
      throw new Error(`100 kB take more than ${BODY_MS} ms of CPU: ${label}, ${JSON.stringify(slow)}`)
  }
  return table
}

/** Milliseconds of CPU, the least of some rounds. */
async function cost(work, rounds) {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage()
    await work()
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, (user + system) / 1000)
  }
  return least
}

function close() {
  for (const server of opened.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
}

async function measured(n, prepare, rounds) {
  const costs = []
  let answer
  for (const size of [n, 2 * n, 4 * n]) {
    const work = await prepare(size)
    answer = [await work()].flat()[0]?.status ?? ''
    costs.push(await cost(work, rounds))
    close()
  }
  return { costs, answer, exponent: Math.log2(costs[2] / costs[0]) / 2 }
}

/** What grows, at n, 2n and 4n, and with which power. Rejects when one that is judged grows faster than n log n. */
async function growth({ rounds, isJudged = true, only = '' }) {
  const table = {}
  const steep = []
  for (const [name, [n, prepare]] of Object.entries(ROWS)) {
    if (!name.includes(only)) continue
    let seen = await measured(n, prepare, rounds)
    // A machine that is busy makes some measurements too long, never too short.
    for (let tries = 1; isJudged && tries < TRIES && seen.exponent > MOST_EXPONENT; tries++) {
      const next = await measured(n, prepare, rounds)
      if (next.exponent < seen.exponent) seen = next
    }
    const { costs, answer, exponent } = seen
    const [one, two, four] = costs.map((ms) => ms.toFixed(1))
    table[name] = { answer, n, 'ms at n': one, '2n': two, '4n': four, exponent: exponent.toFixed(2) }
    if (exponent > MOST_EXPONENT) steep.push(`${name}: ${exponent.toFixed(2)}`)
  }
  if (isJudged && steep.length > 0) {
    console.table(table)
    throw new Error(`the cost of these grows faster than n log n: ${steep.join('; ')}`)
  }
  return table
}

module.exports = { bodies, growth }

/** node bench/growth.js [rounds [rows whose name has this in it]] */
async function main([rounds = 5, only]) {
  console.table(await growth({ rounds: Number(rounds), only }))
  console.table(await bodies({ rounds: Number(rounds) }))
}

if (require.main === module)
  main(process.argv.slice(2)).catch((error) => {
    console.error(error.message)
    process.exitCode = 1
  })
