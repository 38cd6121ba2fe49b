import { memoryAdapter, memoryStore, resourceRouter, respondToConflicts } from '../../lib'
import { command } from '../../lib/audit/command'
import { marksIn, plainArticles, run, serve } from './apps'

const closes: (() => void)[] = []
afterEach(() => {
  for (const close of closes.splice(0)) close()
})
const served: typeof serve = async (mount) => {
  const it = await serve(mount)
  closes.push(it.close)
  return it
}

async function guarded() {
  const adapter = memoryAdapter<Record<string, unknown>>()
  await adapter.write('1', { title: 'first' }, null)
  const it = await served((app) => {
    const idempotency = { store: memoryStore(), scope: () => 'all' }
    app.use((_req, res, next) => {
      res.set('Cache-Control', 'no-cache')
      next()
    })
    app.use('/articles', resourceRouter({ name: 'article', adapter, idempotency }), respondToConflicts())
    app.use(((error, _req, res, _next) => {
      res.status(error.status ?? 500).json({})
    }) as import('express').ErrorRequestHandler)
  })
  return { ...it, adapter }
}

test('by itself the audit sends nothing that changes anything', async () => {
  const { url, requests } = await served(plainArticles)
  await run('audit', `${url}/articles/1`)
  expect(requests.length).toBeGreaterThan(5)
  expect(requests.filter((line) => !/^(GET|HEAD) /.test(line))).toEqual([])
})

test('only what was named is changed, and it is put back', async () => {
  const { url, requests, adapter } = await guarded()
  await run('audit', `${url}/articles/1`, '--write', '/articles/1', '--create', '/articles')
  expect((await adapter.read('1'))?.value).toEqual({ title: 'first' })
  expect(await adapter.entries()).toHaveLength(1)
  const unsafe = requests.filter((line) => !/^(GET|HEAD) /.test(line))
  expect(
    unsafe.filter((line) => !/^(PUT \/articles\/1|POST \/articles|DELETE \/articles\/[\w-]{36})$/.test(line)),
  ).toEqual([])
})

test('a plain Express app fails where updates get lost', async () => {
  const { url } = await served(plainArticles)
  const { code, out } = await run(
    'audit',
    `${url}/articles/1`,
    '--write',
    '/articles/1',
    '--create',
    '/articles',
    '--json',
  )
  expect(code).toBe(1)
  expect(marksIn(out)).toMatchObject({
    'strong-tag': 'failed',
    'stale-write': 'failed',
    'condition-required': 'failed',
    race: 'failed',
    'winner-stored': 'failed',
    'repeated-post': 'failed',
    'simultaneous-post': 'failed',
    leak: 'failed',
    'not-modified': 'passed',
  })
})

test('a guarded resource has nothing that fails or warns', async () => {
  const { url } = await guarded()
  const args = ['--write', '/articles/1', '--create', '/articles', '--json']
  const { code, out } = await run('audit', `${url}/articles/1`, ...args)
  expect(Object.entries(marksIn(out)).filter(([, mark]) => mark !== 'passed')).toEqual([])
  expect(code).toBe(0)
})

test('a write that is checked and then made without its version is found by the race alone', async () => {
  const { url } = await served((app) => {
    let [version, value]: [number, unknown] = [1, { title: 'first' }]
    app.use(require('express').json())
    app.get('/it', (_req, res) => void res.set('ETag', `"${version}"`).json(value))
    app.put('/it', (req, res) => {
      if (req.headers['if-match'] === undefined) return void res.sendStatus(428)
      if (req.headers['if-match'] !== `"${version}"`) return void res.sendStatus(412)
      // The store takes a while, and nobody asks for the version again.
      setTimeout(() => {
        version += 1
        value = req.body
        res.json(value)
      }, 30)
    })
  })
  const { out } = await run('audit', `${url}/it`, '--write', '/it', '--json')
  expect(marksIn(out)).toMatchObject({ 'stale-write': 'passed', 'condition-required': 'passed', race: 'failed' })
})

test('an API that wants the revision in the body back: its races have one winner, and what was there is put back', async () => {
  const article = { id: '1', title: 'first', _rev: 1 }
  const { url } = await served((app) => {
    app.use(require('express').json())
    app.get('/articles/1', (_req, res) => void res.json(article))
    app.put('/articles/1', (req, res) => {
      if (req.body._rev !== article._rev) return void res.status(409).json({ error: 'conflict' })
      Object.assign(article, req.body, { _rev: article._rev + 1 })
      res.json(article)
    })
  })
  const { out } = await run('audit', `${url}/articles/1`, '--write', '/articles/1', '--json')
  const marks = marksIn(out)
  expect(marks).toMatchObject({ race: 'passed', 'winner-stored': 'passed' })
  // Nothing gets lost, with a status of its own.
  expect(marks).toMatchObject({ 'stale-write': 'warning', 'condition-required': 'warning' })
  expect(marks).not.toHaveProperty('current-tag-on-412')
  expect(article.title).toBe('first')
})

test('an API without tags has not failed for tags that do not change', async () => {
  const { url } = await served((app) => {
    app.disable('etag')
    plainArticles(app)
  })
  const { out } = await run('audit', `${url}/articles/1`, '--write', '/articles/1', '--json')
  expect(marksIn(out)).toMatchObject({ validators: 'failed', 'tag-moves': 'unseen' })
})

test('what cannot be removed or put back is told, and the number of requests does not stop the undoing', async () => {
  const { url } = await served((app) => {
    app.delete('/articles/:id', (_req, res) => void res.sendStatus(405))
    plainArticles(app)
  })
  const args = ['--create', '/articles', '--write', '/articles/1']
  const { out } = await run('audit', `${url}/articles/1`, ...args)
  expect(out).toMatch(/^Left behind:\n {4}http:.+\/articles\/2: its DELETE is 405$/m)
  const { err } = await run('audit', `${url}/articles/1`, '--write', '/articles/1', '--max-requests', '10')
  expect(err).toMatch(/stops after 10 requests/)
  expect(await (await fetch(`${url}/articles/1`)).json()).toMatchObject({ title: 'first' })
})

test('a Location on another server gets no request, nor what --header says', async () => {
  const elsewhere = await served((app) => app.get('/{*all}', (_req, res) => void res.json({})))
  const { url } = await served((app) => {
    app.post('/articles', (_req, res, next) => {
      res.location = () => res.set('Location', `${elsewhere.url}/articles/2`)
      next()
    })
    plainArticles(app)
  })
  const args = ['--create', '/articles', '--header', 'Authorization: Bearer secret']
  const { out } = await run('audit', `${url}/articles/1`, ...args)
  expect(elsewhere.requests).toEqual([])
  expect(out).toMatch(/✗ A repeated POST has one effect: Made: .+\/articles\/2, .+\/articles\/3\./)
})

test('what is created has no key, revision or link of the resource that it was made from', async () => {
  const bodies: object[] = []
  const { url } = await served((app) => {
    app.use(require('express').json())
    app.get('/it', (_req, res) => void res.json({ ID: 1, _rev: 2, _links: {}, '@odata.etag': 'x', title: 'first' }))
    app.post('/', (req, res) => void res.status(400).json(bodies.push(req.body)))
  })
  const { out } = await run('audit', `${url}/it`, '--create', '/')
  expect(bodies).toEqual([{ title: 'first 1' }])
  expect(out).toMatch(/^– Retries are safe \(A POST is 400; see --body\.\)$/m)
})

test('what an error gives away is quoted', async () => {
  const { url } = await served((app) => {
    app.get('/it', (_req, res) => void res.json({}))
    app.use((_req, res) => void res.status(500).json({ message: 'UNIQUE constraint failed: my_Articles.ID' }))
  })
  const { out } = await run('audit', `${url}/it`)
  expect(out).toMatch(/5 of 5 gives away "UNIQUE constraint failed" \(500\)/)
})

test('a terminal shows how far it is', async () => {
  const { url } = await served(plainArticles)
  let err = ''
  const stderr = { isTTY: true, write: (text: string) => (err += text) }
  await command(['audit', `${url}/articles/1`], { stdout: { write: () => undefined }, stderr })
  expect(err.split('\r\u001b[K').slice(1, 3)).toEqual([`1 GET ${url}/articles/1 200`, `2 GET ${url}/articles/1 200`])
  expect(err.endsWith('\r\u001b[K')).toBe(true)
})

test('the checklist has a mark for each line, and for what fails: what was sent, what came, the clause, the cure', async () => {
  const { url } = await served(plainArticles)
  const { out } = await run('audit', `${url}/articles/1`, '--write', '/articles/1')
  expect(out).toMatch(/^✗ Concurrent writes are prevented/m)
  expect(out).toMatch(/^– Retries are safe \(not tried: name a collection with --create\)$/m)
  expect(out).toMatch(/A stale write is 412: A PUT with the tag before is 200\. \[stale-write, RFC 9110 §13\.1\.1\]/)
  expect(out).toMatch(/sent {6}PUT .+; if-match: W\/"/)
  expect(out).toMatch(/received {2}200; etag: W\/"/)
  expect(out).toMatch(/cure {6}Evaluate If-Match before the handler/)
})

test('SARIF has a rule and a level for each result', async () => {
  const { url } = await served(plainArticles)
  const { out } = await run('audit', `${url}/articles/1`, '--sarif')
  const { version, runs } = JSON.parse(out)
  const [{ tool, results }] = runs
  const ids = tool.driver.rules.map(({ id }: { id: string }) => id)
  expect(version).toBe('2.1.0')
  expect(results.length).toBeGreaterThan(0)
  for (const { ruleId, level, message, locations } of results) {
    expect(ids).toContain(ruleId)
    expect(['error', 'warning']).toContain(level)
    expect(message.text).toMatch(/Sent: GET /)
    expect(locations[0].physicalLocation.artifactLocation.uri).toBe(`${url}/articles/1`)
  }
})

test.each([429, 503])(
  'it backs off once when the server is busy, %i, and ends at its number of requests',
  async (status) => {
    let refusals = 1
    const { url, requests } = await served((app) => {
      app.get('/it', (_req, res) => {
        if (refusals-- > 0) res.set('Retry-After', '0').sendStatus(status)
        else res.json({})
      })
    })
    const { code, err } = await run('audit', `${url}/it`, '--max-requests', '4')
    expect([code, err]).toEqual([2, 'The audit stops after 4 requests; see --max-requests.\n'])
    expect(requests).toHaveLength(4)
  },
)

test('a server that a path brings down is told of, with all that was found before', async () => {
  const { url, requests } = await served((app) => {
    app.use((req, _res, next) => void (req.url.includes('%E0') ? req.socket.destroy() : next()))
    plainArticles(app)
  })
  const { code, out } = await run('audit', `${url}/articles/1`, '--json')
  expect(code).toBe(1)
  expect(marksIn(out)).toMatchObject({ 'strong-tag': 'failed', answered: 'failed', 'machine-readable': 'failed' })
  expect(out).toMatch(/GET .+%E0%A4%A: socket hang up/)
  // It is asked for last, because nothing may come after it.
  expect(requests.at(-1)).toBe('GET /articles/%E0%A4%A')
})

test('what a server sends cannot steer the terminal', async () => {
  const { url } = await served((app) => {
    app.get('/it', (_req, res) => void res.writeHead(200, { 'Cache-Control': 'max-age=9', ETag: '\x9b2J' }).end('{}'))
  })
  const { out } = await run('audit', `${url}/it`)
  expect(out).not.toMatch(/\x9b/)
})

test.each<[string[], RegExp]>([
  [['audit'], /Give one URL/],
  [['audit', 'ftp://a'], /<url> has to be a URL of http or https; got "ftp:\/\/a"/],
  [['audit', 'http://a', 'http://b'], /Give one URL/],
  [['check', 'http://a'], /There is no command "check"/],
  [['audit', 'http://a', '--wirte', '/x'], /wirte/],
  [['audit', 'http://a', '--header', 'nothing'], /--header has to be "Name: value"/],
  [['audit', 'http://a', '--timeout', '0'], /--timeout has to be a whole number above 0/],
  [['audit', 'http://127.0.0.1:1/'], /GET http:\/\/127\.0\.0\.1:1\/: .*ECONNREFUSED/],
])('%j cannot be carried out: 2', async (args, message) => {
  const { code, err } = await run(...args)
  expect(code).toBe(2)
  expect(err).toMatch(message)
})

test('without arguments it says how it is used', async () => {
  expect(await run()).toMatchObject({ code: 0, out: expect.stringMatching(/npx express-conflict audit <url>/) })
})
