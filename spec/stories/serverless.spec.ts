import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type express from 'express'
import { resourceRouter } from '../../lib'
import { appOf, type Doc, shelf } from './app'

const SECOND = 1_790_000_000_000
const at = (seconds: number) => new Date(SECOND + seconds * 1000).toUTCString()

/** As adapters for serverless platforms do: `headers` alone is filled, no raw lines, and a socket that is none. */
function invoke(app: express.Express, method: string, headers: Record<string, unknown>, body = '') {
  const req = Object.assign(new IncomingMessage(new Socket()), { method, url: '/articles/1', headers, complete: true })
  req.push(body)
  req.push(null)
  return new Promise<number>((resolve) => {
    const res = new ServerResponse(req)
    res.end = ((...args: unknown[]) => {
      res.writeHead(res.statusCode)
      resolve(res.statusCode)
      return args && res
    }) as typeof res.end
    app(req as never, res as never)
  })
}

async function put(field: string, value: unknown) {
  const it = await shelf(null, { now: () => SECOND + 500 })
  const tag = await it.change({ title: 'first' })
  const preconditions = { required: false } as const
  const app = appOf((all) =>
    all.use('/articles', resourceRouter<Doc>({ name: 'article', adapter: it.adapter, preconditions })),
  )
  const text = '{"title":"second"}'
  const headers = { 'content-type': 'application/json', 'content-length': String(text.length) }
  const given = JSON.parse(JSON.stringify(value).replaceAll('TAG', tag.replaceAll('"', '\\"')))
  return invoke(app, 'PUT', { ...headers, [field]: given }, text)
}

describe('a request of which only headers are filled', () => {
  test.each<[string, unknown, number]>([
    ['if-unmodified-since', at(-60), 412],
    ['if-unmodified-since', at(0), 200],
    ['if-unmodified-since', [at(-60)], 412],
    // A list of dates is ignored, in one line or in two.
    ['if-unmodified-since', `${at(-60)}, ${at(-60)}`, 200],
    ['if-unmodified-since', [at(-60), at(-60)], 200],
    ['if-match', '"old"', 412],
    ['if-match', ['"old"', '"older"'], 412],
    ['if-match', ['"old"', 'TAG'], 200],
    ['if-none-match', '*', 412],
    ['if-none-match', ['"old"', 'TAG'], 412],
  ])('PUT with %s: %j is %d', async (field, value, status) => {
    expect(await put(field, value)).toBe(status)
  })

  test.each([
    [at(0), 304],
    [at(-60), 200],
  ])('GET with If-Modified-Since: %s is %d', async (date, status) => {
    const it = await shelf(null, { now: () => SECOND + 500 })
    await it.change({ title: 'first' })
    const app = appOf((all) => all.use('/articles', resourceRouter<Doc>({ name: 'article', adapter: it.adapter })))
    expect(await invoke(app, 'GET', { 'if-modified-since': date })).toBe(status)
  })
})
