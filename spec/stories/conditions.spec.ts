import request from 'supertest'
import { type ConflictOptions, contentHash, resourceRouter, signature } from '../../lib'
import { appOf, type Doc, raw, type Shelf, shelf } from './app'

const SECOND = 1_790_000_000_000
const dateAfter = (seconds: number) => new Date(SECOND + seconds * 1000).toUTCString()
const SAME = dateAfter(0)
const EARLIER = dateAfter(-60)
const LATER = dateAfter(60)

/** "1" was changed half a second into SECOND; clients hold the second. */
async function articles(options: Partial<ConflictOptions<Doc>> = {}) {
  const it = await shelf(null, { now: () => SECOND + 500 })
  const tag = await it.change({ title: 'first' })
  const app = appOf((all) =>
    all.use('/articles', resourceRouter<Doc>({ name: 'article', adapter: it.adapter, ...options })),
  )
  return { ...it, app, tag, version: tag.slice(1, -1) }
}

type Headers = Readonly<Record<string, string>>

const put = ({ app }: Awaited<ReturnType<typeof articles>>, headers: Headers, url = '/articles/1') =>
  request(app).put(url).set(headers).send({ title: 'second' })

/** `TAG` stands for the current tag, `OTHER` for one of another state. */
const filled = (headers: Headers, { tag }: Pick<Shelf, 'tag'>) =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, value.replaceAll('TAG', tag).replaceAll('OTHER', '"other"')]),
  )

describe('PUT is carried out when its conditions hold', () => {
  test.each<Headers>([
    { 'If-Match': 'TAG' },
    { 'If-Match': 'OTHER, TAG' },
    { 'If-Match': ', OTHER ,, TAG ,' },
    { 'If-Match': '*' },
    { 'If-Unmodified-Since': SAME },
    { 'If-Unmodified-Since': LATER },
    { 'If-Match': 'TAG', 'If-Unmodified-Since': EARLIER },
    { 'If-None-Match': 'OTHER' },
    { 'If-Match': 'TAG', 'If-Modified-Since': LATER },
  ])('%j', async (headers) => {
    const it = await articles()
    await put(it, filled(headers, it)).expect(200)
    expect(await it.stored()).toEqual({ title: 'second' })
  })
})

describe('PUT is refused, and nothing is written', () => {
  test.each<[Headers, number, string, string | undefined]>([
    [{ 'If-Match': 'OTHER' }, 412, 'precondition_failed', 'If-Match'],
    [{ 'If-Match': '"*"' }, 412, 'precondition_failed', 'If-Match'],
    [{ 'If-Match': '' }, 412, 'precondition_failed', 'If-Match'],
    [{ 'If-Match': ' , ,' }, 412, 'precondition_failed', 'If-Match'],
    [{ 'If-None-Match': '' }, 428, 'precondition_required', 'If-Match'],
    [{ 'If-Match': 'W/TAG' }, 412, 'weak_validator', 'If-Match'],
    [{ 'If-Match': 'OTHER', 'If-Unmodified-Since': LATER }, 412, 'precondition_failed', 'If-Match'],
    [{ 'If-Unmodified-Since': EARLIER }, 412, 'precondition_failed', 'If-Unmodified-Since'],
    [{ 'If-None-Match': '*' }, 412, 'precondition_failed', 'If-None-Match'],
    [{ 'If-None-Match': 'TAG' }, 412, 'precondition_failed', 'If-None-Match'],
    [{ 'If-None-Match': 'W/TAG' }, 412, 'precondition_failed', 'If-None-Match'],
    [{ 'If-Match': 'TAG', 'If-None-Match': 'TAG' }, 412, 'precondition_failed', 'If-None-Match'],
    [{ 'If-Match': 'old' }, 400, 'malformed_condition', 'If-Match'],
    [{ 'If-Match': '*, TAG' }, 400, 'malformed_condition', 'If-Match'],
    [{ 'If-Match': 'TAG', 'If-None-Match': 'old' }, 400, 'malformed_condition', 'If-None-Match'],
    [{ 'If-Unmodified-Since': 'yesterday' }, 428, 'precondition_required', 'If-Match'],
    [{ 'If-Modified-Since': LATER }, 428, 'precondition_required', 'If-Match'],
    [{}, 428, 'precondition_required', 'If-Match'],
  ])('%j: %d %s', async (headers, status, code, field) => {
    const it = await articles()
    const { body, status: seen } = await put(it, filled(headers, it))
    expect([seen, body.code, body.field]).toEqual([status, code, field])
    expect(await it.stored()).toEqual({ title: 'first' })
  })
})

describe('forms of the current tag that a proxy makes', () => {
  const forms = (version: string) =>
    ['-gzip', '-br', ';gzip', ';br'].flatMap((suffix) => [`"${version}${suffix}"`, `W/"${version}${suffix}"`])

  test('are told apart from tags of other states', async () => {
    const it = await articles()
    for (const form of [`W/${it.tag}`, ...forms(it.version)]) {
      const { status, body } = await put(it, { 'If-Match': form })
      expect([form, status, body.code, body.current]).toEqual([form, 412, 'weak_validator', it.tag])
    }
    expect(await it.stored()).toEqual({ title: 'first' })
  })

  test('hold where the app accepts them', async () => {
    const it = await articles({ preconditions: { weak: 'accept' } })
    for (const formOf of [(tag: string) => `W/${tag}`, (tag: string) => tag.replace(/"$/, '-gzip"')]) {
      const current = `"${(await it.adapter.read('1'))?.version}"`
      await put(it, { 'If-Match': formOf(current) }).expect(200)
    }
    expect(await it.stored()).toEqual({ title: 'second' })
  })

  test('the weak form of another state is as false as ever', async () => {
    const it = await articles({ preconditions: { weak: 'accept' } })
    const { status, body } = await put(it, { 'If-Match': 'W/"other"' })
    expect([status, body.code]).toEqual([412, 'precondition_failed'])
  })

  test('suffixes are the app’s to choose', async () => {
    const it = await articles({ preconditions: { tagSuffixes: ['--zstd'] } })
    expect((await put(it, { 'If-Match': `"${it.version}--zstd"` })).body.code).toBe('weak_validator')
    expect((await put(it, { 'If-Match': `"${it.version}-gzip"` })).body.code).toBe('precondition_failed')
  })

  test('are known of signatures too', async () => {
    const it = await articles({ tag: signature({ secret: 's'.repeat(32) }) })
    const { headers } = await request(it.app).get('/articles/1')
    const { status, body } = await put(it, { 'If-Match': String(headers.etag).replace(/"$/, '-gzip"') })
    expect([status, body.code]).toEqual([412, 'weak_validator'])
  })
})

describe('lines that are sent twice', () => {
  const send = async (lines: readonly string[]) => {
    const it = await articles()
    const all = lines.map((line) => line.replace('TAG', it.tag))
    const { status, body } = await raw(
      it.app,
      ['PUT /articles/1 HTTP/1.1', 'Content-Type: application/json', ...all],
      '{"title":"second"}',
    )
    return [status, JSON.parse(body).code, (await it.stored())?.title]
  }

  test('If-Match is one list', async () => {
    expect(await send(['If-Match: "other"', 'If-Match: TAG'])).toEqual([200, undefined, 'second'])
  })

  test('If-Unmodified-Since is no date, and no condition either', async () => {
    const lines = [`If-Unmodified-Since: ${LATER}`, `If-Unmodified-Since: ${EARLIER}`]
    expect(await send(lines)).toEqual([428, 'precondition_required', 'first'])
    expect(await send([...lines].reverse())).toEqual([428, 'precondition_required', 'first'])
  })
})

test.each([998, 2000])(
  'a condition behind %d lines of junk was cut off, and does not count as absent',
  async (lines) => {
    const it = await articles({ preconditions: { required: false } })
    const junk = Array.from({ length: lines }, () => 'a: 1')
    const head = ['PUT /articles/1 HTTP/1.1', 'Content-Type: application/json', ...junk, 'If-Match: "old"']
    const { status } = await raw(it.app, head, '{"title":"second"}')
    expect([status, await it.stored()]).toEqual([431, { title: 'first' }])
  },
)

test.each([
  ['Express’s own', 'W/"2a-nGPrCs0Q6D/bZrr3mBcVdmHpIB4"', true],
  ['several weak ones', 'W/"a", W/"b"', true],
  ['a weak and a strong one', 'W/"a", "b"', false],
  ['none at all', ',', false],
])('a 412 for %s tags asks where the GET was served: %s', async (_, tags, isAsked) => {
  const it = await articles()
  for (const method of ['put', 'patch', 'delete'] as const) {
    const { status, body } = await request(it.app)
      [method]('/articles/1')
      .set('If-Match', tags)
      .send({ title: 'second' })
    expect([status, body.code]).toEqual([412, 'precondition_failed'])
    expect(/weak tag .* Was the GET served through the chain\?/.test(body.detail)).toBe(isAsked)
  }
})

describe('a 412 for the strong tag that Express makes of an answer', () => {
  const detail = async (options: Partial<ConflictOptions<Doc>>, tags: string) => {
    const it = await articles(options)
    const { status, body } = await request(it.app).put('/articles/1').set('If-Match', tags).send({ title: 'second' })
    return [status, /app\.set\('etag', 'strong'\).* Was the GET served through the chain\?/.test(body.detail)]
  }

  test('asks where the GET was served', async () => {
    expect(await detail({}, '"2a-nGPrCs0Q6D/bZrr3mBcVdmHpIB4"')).toEqual([412, true])
  })

  test('asks nothing where tags of ours look like it, or the tag is another one', async () => {
    expect(await detail({ tag: contentHash() }, '"2a-nGPrCs0Q6D/bZrr3mBcVdmHpIB4"')).toEqual([412, false])
    expect(await detail({}, '"2a-nGPrCs0Q6D"')).toEqual([412, false])
  })
})

describe('a condition that cannot be read is shown, with what to send in its place:', () => {
  test.each([
    ['If-Match', 'old', 'is old, and no list of entity tags', 'If-Match: "old"'],
    ['If-Match', 'W/old', 'is W/old', 'If-Match: "old"'],
    ['If-Match', "'old'", "is 'old'", 'If-Match: "old"'],
    ['If-Match', '"old', 'is "old', 'If-Match: "old"'],
    ['If-Match', '\\"old\\"', 'is \\"old\\"', 'If-Match: "old"'],
    ['If-None-Match', '7', 'is 7', 'If-None-Match: "7"'],
    ['If-Match', 'old, older', 'is old, older', 'double quotes included, as in If-Match: "…"'],
    ['If-Match', '*, "old"', 'is *, "old"', 'double quotes included, as in If-Match: "…"'],
    ['If-Match', 'undefined', 'is undefined', 'the client had no ETag to send'],
    ['If-Match', 'null', 'is null', 'Access-Control-Expose-Headers: ETag'],
    ['If-Match', '[object Object]', 'is [object Object]', 'the client had no ETag to send'],
    ['If-Match', `x${'y'.repeat(2000)}`, `is x${'y'.repeat(98)}…`, 'as in If-Match: "…"'],
  ])('%s: %s', async (field, value, seen, cure) => {
    const it = await articles()
    const { status, body } = await put(it, { [field]: value })
    expect([status, body.code, body.field]).toEqual([400, 'malformed_condition', field])
    expect(body.detail).toContain(seen)
    expect(body.detail).toContain(cure)
  })
})

describe('what is not there', () => {
  test.each<[string, Partial<ConflictOptions<Doc>>, Headers, number, string]>([
    ['put', {}, { 'If-Match': '"old"' }, 412, 'precondition_failed'],
    ['put', {}, { 'If-Match': '*' }, 412, 'precondition_failed'],
    ['put', {}, { 'If-Unmodified-Since': SAME }, 412, 'precondition_failed'],
    ['put', { create: ['POST'] }, { 'If-Match': '"old"' }, 404, 'not_found'],
    ['patch', {}, { 'If-Match': '"old"' }, 404, 'not_found'],
    ['delete', {}, { 'If-Match': '"old"' }, 404, 'not_found'],
    ['get', {}, { 'If-Match': '"old"' }, 404, 'not_found'],
    ['get', {}, { 'If-None-Match': '*' }, 404, 'not_found'],
  ])('%s with %j, %j: %d', async (method, options, headers, status, code) => {
    const it = await articles(options)
    const test = request(it.app)[method as 'put']('/articles/2').set(headers)
    const { body, ...response } = await (method === 'put' ? test.send({ title: 'second' }) : test)
    expect([response.status, body.code, response.headers.etag]).toEqual([status, code, undefined])
    expect(await it.stored('2')).toBeUndefined()
  })

  test.each<Headers>([{}, { 'If-None-Match': '*' }, { 'If-None-Match': '"old"' }])(
    'PUT with %j creates',
    async (headers) => {
      const it = await articles()
      await put(it, headers, '/articles/2').expect(201)
      expect(await it.stored('2')).toEqual({ title: 'second' })
    },
  )
})

describe('which condition is required', () => {
  test.each<[true | 'version' | false, Headers, number]>([
    ['version', { 'If-Match': '*' }, 428],
    ['version', { 'If-Unmodified-Since': SAME }, 428],
    ['version', { 'If-None-Match': 'OTHER' }, 428],
    ['version', { 'If-Match': 'TAG' }, 200],
    [false, {}, 200],
    [false, { 'If-Match': 'OTHER' }, 412],
    [true, { 'If-Match': '*' }, 200],
  ])('%j, with %j: %d', async (required, headers, status) => {
    const it = await articles({ preconditions: { required } })
    expect((await put(it, filled(headers, it))).status).toBe(status)
    expect(await it.stored()).toEqual({ title: status === 200 ? 'second' : 'first' })
  })

  test.each(['patch', 'delete'] as const)('%s needs one, and is told which', async (method) => {
    const it = await articles()
    const test = request(it.app)[method]('/articles/1')
    const { status, body } = await (method === 'patch' ? test.send({ title: 'second' }) : test)
    expect([status, body.code, body.field]).toEqual([428, 'precondition_required', 'If-Match'])
    expect(await it.stored()).toEqual({ title: 'first' })
  })
})
