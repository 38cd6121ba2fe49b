import type { RequestListener } from 'node:http'
import { type Client, createClient, isProblemError, mergeDisjoint } from '../../lib/client'
import { foreignServer, type Served, serve } from './servers'

const closing: Served[] = []
afterEach(async () => {
  for (const served of closing.splice(0)) await served.close()
})
const serving = async (listener: RequestListener) => {
  const served = await serve(listener)
  closing.push(served)
  return served
}

const CHANGES: Record<string, (client: Client, url: string) => Promise<unknown>> = {
  put: (client, url) => client.put(url, { title: 'b' }),
  patch: (client, url) => client.patch(url, { title: 'b' }),
  delete: (client, url) => client.delete(url),
  post: (client, url) => client.post(url, { title: 'b' }),
  update: (client, url) => client.update(url, () => ({ title: 'b' })),
}

const REQUESTS: Record<string, (client: Client, url: string, options: object) => unknown> = {
  get: (client, url, options) => client.get(url, options),
  put: (client, url, options) => client.put(url, {}, options),
  patch: (client, url, options) => client.patch(url, {}, { condition: '*', ...options }),
  delete: (client, url, options) => client.delete(url, { condition: '*', ...options }),
  post: (client, url, options) => client.post(url, {}, options),
  update: (client, url, options) => client.update(url, () => ({}), options),
  watch: (client, url, options) => client.watch(url, () => {}, options),
}

const html: RequestListener = (_req, res) => {
  res.writeHead(200, { 'Content-Type': 'text/html', ETag: '"page"' }).end('<form>')
}

const NOT_DONE: Record<string, RequestListener> = {
  ...Object.fromEntries(
    [301, 302, 303, 307, 308].map((status) => [
      `a ${status} to a login page`,
      (_req, res) => res.writeHead(status, { Location: '/login' }).end(),
    ]),
  ),
  'a page of HTML': html,
  'plain text': (_req, res) => res.writeHead(200, { 'Content-Type': 'text/plain' }).end('ok'),
  'a body without a type': (_req, res) => res.writeHead(200).end('{}'),
  'a part of something': (_req, res) => res.writeHead(206, { 'Content-Type': 'application/json' }).end('{}'),
  'JSON that is cut off': (_req, res) => res.writeHead(200, { 'Content-Type': 'application/json' }).end('{"title":'),
  'a 304': (_req, res) => res.writeHead(304).end(),
}

describe.each(Object.entries(NOT_DONE))('%s', (_, answer) => {
  test.each(Object.keys(CHANGES))('is no success of %s, and is not followed', async (name) => {
    const visited: string[] = []
    const served = await serving((req, res) => {
      visited.push(`${req.method} ${req.url}`)
      if (req.url === '/login') html(req, res)
      else if (req.method !== 'GET') answer(req, res)
      else res.writeHead(200, { 'Content-Type': 'application/json', ETag: '"1"' }).end('{"title":"a"}')
    })
    const client = createClient({ tries: 1 })
    await client.get(served.url)
    const error = await CHANGES[name]?.(client, served.url).catch((caught: unknown) => caught)
    expect(isProblemError(error)).toBe(true)
    expect(visited.filter((each) => each.endsWith('/login'))).toEqual([])
  })
})

describe('an answer to a change that names no state', () => {
  const json = { 'Content-Type': 'application/json' }
  const portal: RequestListener = (_req, res) => res.writeHead(200, json).end('{"signIn":"/portal"}')
  const NAMES = ['put', 'patch', 'delete', 'update']

  /** Answers changes as `answer` does, and reads with the tag that is current. */
  const servingTag = async (tag: () => string | undefined, answer: RequestListener) =>
    serving((req, res) => {
      const [etag, isRead] = [tag(), req.method === 'GET']
      if (!isRead) answer(req, res)
      else if (etag === undefined) res.writeHead(404).end()
      else res.writeHead(200, { ...json, ...(etag && { ETag: etag }) }).end('{"title":"a"}')
    })

  test.each(NAMES)('%s: a read that shows the state from before says that it was not made', async (name) => {
    const served = await servingTag(() => '"1"', portal)
    const client = createClient()
    await client.get(served.url)
    await expect(CHANGES[name]?.(client, served.url)).rejects.toMatchObject({
      status: 200,
      problem: { code: 'outcome_unknown', retryable: false },
    })
  })

  test.each(NAMES)('%s: so does a portal that answers the read too', async (name) => {
    let isHome = true
    const served = await servingTag(
      () => (isHome ? '"1"' : ''),
      (req, res) => {
        isHome = false
        portal(req, res)
      },
    )
    const client = createClient()
    await client.get(served.url)
    await expect(CHANGES[name]?.(client, served.url)).rejects.toMatchObject({ problem: { code: 'outcome_unknown' } })
  })

  test.each(NAMES)('%s: a weak tag names none, for Express puts one on every answer', async (name) => {
    const served = await servingTag(
      () => '"1"',
      (_req, res) => res.writeHead(200, { ...json, ETag: 'W/"f-6mC8"' }).end('{"signIn":true}'),
    )
    const client = createClient()
    await client.get(served.url)
    await expect(CHANGES[name]?.(client, served.url)).rejects.toMatchObject({ problem: { code: 'outcome_unknown' } })
  })

  test.each(NAMES)('%s: a read that shows another state says that it was made', async (name) => {
    let tag = '"1"'
    const served = await servingTag(
      () => tag,
      (req, res) => {
        tag = '"2"'
        portal(req, res)
      },
    )
    const client = createClient()
    await client.get(served.url)
    await CHANGES[name]?.(client, served.url)
    expect(served.seen.map(({ method }) => method).slice(-2)).toContain('GET')
  })

  test('a resource that is gone was removed', async () => {
    let tag: string | undefined = '"1"'
    const served = await servingTag(
      () => tag,
      (req, res) => {
        tag = undefined
        portal(req, res)
      },
    )
    const client = createClient()
    await client.get(served.url)
    expect((await client.delete(served.url)).status).toBe(200)
  })

  test('a creation was made only if a read shows a strong tag', async () => {
    const none = await serving(portal)
    await expect(createClient().put(none.url, { title: 'b' })).rejects.toMatchObject({ status: 200 })
    const served = await servingTag(() => '"1"', portal)
    expect((await createClient().put(served.url, { title: 'b' })).status).toBe(200)
  })

  test.each([
    ['a strong tag', 200, { ETag: '"2"' }],
    ['the preference that was applied', 200, { 'Preference-Applied': 'return=representation' }],
    ['status 201', 201, {}],
    ['status 204', 204, {}],
  ])('%s is word enough, without another read', async (_, status, headers: Record<string, string>) => {
    const served = await servingTag(
      () => '"1"',
      (_req, res) => res.writeHead(status, { ...json, ...headers }).end(status === 204 ? '' : '{"title":"b"}'),
    )
    const client = createClient()
    await client.get(served.url)
    await client.put(served.url, { title: 'b' })
    expect(served.seen.map(({ method }) => method)).toEqual(['GET', 'PUT'])
  })
})

describe('a read that is redirected', () => {
  test('is followed within the origin, with its headers', async () => {
    const served = await serving((req, res) => {
      if (req.url === '/notes/1') res.writeHead(301, { Location: '/notes/2' }).end()
      else
        res
          .writeHead(200, { 'Content-Type': 'application/json' })
          .end(JSON.stringify({ token: req.headers['x-token'] }))
    })
    const { value } = await createClient({ headers: { 'X-Token': 't' } }).get(served.url)
    expect(value).toEqual({ token: 't' })
  })

  test('is not followed to another origin, which would get the headers', async () => {
    const other = await serving(html)
    const served = await serving((_req, res) => res.writeHead(302, { Location: other.url }).end())
    const error = await createClient({ headers: { 'X-Token': 't' } })
      .get(served.url)
      .catch((caught: unknown) => caught)
    expect(error).toMatchObject({ status: 302 })
    expect(other.seen).toEqual([])
  })

  test('ends, when it goes in circles', async () => {
    const served = await serving((_req, res) => res.writeHead(302, { Location: '/notes/1' }).end())
    await expect(createClient({ tries: 1 }).get(served.url)).rejects.toMatchObject({ status: 302 })
    expect(served.seen.length).toBeLessThan(10)
  })

  test('is no state when it ends at a login page', async () => {
    const served = await serving((req, res) =>
      req.url === '/login' ? html(req, res) : res.writeHead(302, { Location: '/login' }).end(),
    )
    await expect(createClient({ tries: 1 }).get(served.url)).rejects.toMatchObject({ status: 200 })
  })
})

describe('a tag that a proxy has changed', () => {
  const weakened = (put: (condition: string | undefined) => boolean) =>
    serving((req, res) => {
      const json = { 'Content-Type': 'application/json' }
      const problem = { type: 'about:blank', title: '', status: 412, code: 'weak_validator', current: '"T1"' }
      if (req.method === 'GET') res.writeHead(200, { ...json, ETag: '"T1-gzip"' }).end('{"title":"a"}')
      else if (put(req.headers['if-match'])) res.writeHead(200, { ...json, ETag: '"T2"' }).end('{"title":"b"}')
      else res.writeHead(412, { 'Content-Type': 'application/problem+json' }).end(JSON.stringify(problem))
    })

  test.each(['put', 'patch', 'delete', 'update'])(
    '%s goes out once more, with the tag that the server names',
    async (name) => {
      const served = await weakened((condition) => condition === '"T1"')
      const client = createClient()
      await client.get(served.url)
      await CHANGES[name]?.(client, served.url)
      const changes = served.seen.filter(({ method }) => method !== 'GET')
      expect(changes.map(({ headers }) => headers['if-match'])).toEqual(['"T1-gzip"', '"T1"'])
    },
  )

  test.each(['put', 'patch', 'delete', 'update'])(
    '%s of one that was made weak goes out with the strong one',
    async (name) => {
      const asked: (string | undefined)[] = []
      const served = await serving((req, res) => {
        const isRead = req.method === 'GET'
        if (!isRead) asked.push(req.headers['if-match'])
        res
          .writeHead(200, { 'Content-Type': 'application/json', ETag: isRead ? 'W/"T1"' : '"T2"' })
          .end('{"title":"a"}')
      })
      const client = createClient()
      await client.get(served.url)
      await CHANGES[name]?.(client, served.url)
      expect(asked).toEqual(['"T1"'])
    },
  )

  test('it goes out no third time', async () => {
    const served = await weakened(() => false)
    const client = createClient()
    await client.get(served.url)
    await expect(client.put(served.url, { title: 'b' })).rejects.toMatchObject({ status: 412 })
    expect(served.seen.filter(({ method }) => method === 'PUT')).toHaveLength(2)
  })
})

describe('options', () => {
  test.each([
    [{ baseURL: '/' }, 'createClient(): there is no option "baseURL". Did you mean "baseUrl"?'],
    [{ retries: 3 }, 'createClient(): there is no option "retries". Did you mean "tries"?'],
    [{ timeout: 3 }, 'createClient(): there is no option "timeout". Known are baseUrl, headers, resolve,'],
    [{ tries: '3' }, 'createClient(): tries has to be a whole number from 1 on; got "3".'],
    [{ tries: 0 }, 'tries has to be a whole number from 1 on; got 0.'],
    [{ deadlineMs: '1s' }, 'deadlineMs has to be a number of milliseconds above 0; got "1s".'],
    [{ maxRemembered: -1 }, 'maxRemembered has to be a whole number from 0 on; got -1.'],
    [{ idempotencyKeys: 'no' }, 'idempotencyKeys has to be true or false; got "no".'],
    [{ fetch: 'fetch' }, 'fetch has to be a function; got "fetch".'],
    [{ headers: 'Authorization' }, 'headers has to be an object; got "Authorization".'],
    [{ arrayKeys: ['/items'] }, 'arrayKeys has to be an object; got ["/items"].'],
    [{ baseUrl: 5 }, 'baseUrl has to be a URL, such as "/api"; got 5.'],
  ])('%j is refused with what was meant', (options, message) => {
    expect(() => createClient(options as object)).toThrow(message)
  })

  test.each(Object.keys(REQUESTS))('of %s are refused with what was meant, before anything is sent', async (name) => {
    const served = await foreignServer()
    closing.push(served)
    const error = await Promise.resolve()
      .then(() => REQUESTS[name]?.(createClient(), served.url, { form: 1 }))
      .catch((caught: unknown) => caught)
    expect(String(error)).toMatch(/^TypeError: .*there is no option "form"\. Did you mean "from"\?/)
    expect(served.seen).toEqual([])
  })

  test('watch() without a listener is refused', () => {
    expect(() => createClient().watch('http://localhost/1', undefined as never)).toThrow('watch(): the second argument')
  })

  test('a resolver that was not made yet is refused', async () => {
    const said = 'write mergeDisjoint(), with the parentheses'
    expect(() => createClient({ resolve: mergeDisjoint as never })).toThrow(said)
    const served = await foreignServer()
    closing.push(served)
    const client = createClient()
    await client.get(served.url)
    await expect(client.put(served.url, { title: 'b' }, { resolve: mergeDisjoint as never })).rejects.toThrow(said)
  })

  test('a relative URL where there is no page says what to give', async () => {
    const cure = 'give an absolute URL.'
    expect(() => createClient({ baseUrl: '/api/articles' })).toThrow(`baseUrl /api/articles/: ${cure}`)
    await expect(createClient().get('/api/articles')).rejects.toThrow(`url /api/articles: ${cure}`)
    await expect(createClient().get(undefined as never)).rejects.toThrow(`url undefined: ${cure}`)
  })

  test.each<[string, unknown, string]>([
    ['undefined', undefined, 'the value is undefined'],
    ['a function', () => ({}), 'the value is ()'],
    ['a promise', Promise.resolve({}), 'the value is a promise; await it'],
  ])('%s in place of a value is refused, and nothing is sent', async (_name, value, message) => {
    let sent = 0
    const fetched = async () => {
      sent += 1
      return new Response()
    }
    const client = createClient({ baseUrl: 'https://api.example/', fetch: fetched })
    await expect(client.put('1', value as never)).rejects.toThrow(`PUT https://api.example/1: ${message}`)
    await expect(client.patch('1', value as never, { condition: '*' })).rejects.toThrow(
      `PATCH https://api.example/1: ${message}`,
    )
    expect(sent).toBe(0)
  })

  test('baseUrl is relative to the page, with or without a slash at its end', async () => {
    const asked: string[] = []
    const fetched: typeof fetch = async (url) => {
      asked.push(String(url))
      return new Response('{}', { headers: { 'Content-Type': 'application/json' } })
    }
    Object.assign(globalThis, { location: { href: 'https://page.example/app/' } })
    try {
      for (const baseUrl of ['/api/articles', '../api/articles', 'https://page.example/api/articles'])
        for (const slash of ['', '/']) await createClient({ baseUrl: baseUrl + slash, fetch: fetched }).get('1')
    } finally {
      Reflect.deleteProperty(globalThis, 'location')
    }
    expect(new Set(asked)).toEqual(new Set(['https://page.example/api/articles/1']))
  })
})
