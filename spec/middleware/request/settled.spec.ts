import { once } from 'node:events'
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import express, { type ErrorRequestHandler, type RequestHandler } from 'express'
import request from 'supertest'
import { type Settled, type Settlement, settledOf } from '../../../lib/middleware/request/settled'

const LONG_MS = 60_000

/** Node 20 has no Promise.withResolvers. */
function gate() {
  let resolve: (res: express.Response) => void = () => undefined
  const promise = new Promise<express.Response>((done) => {
    resolve = done
  })
  return { promise, resolve }
}

/** What the signal said on one request, and when. */
function watching(handler: RequestHandler, abandonAfterMs = LONG_MS) {
  const said: Settlement[] = []
  const app = express()
  let settled: Settled | undefined
  let onSaid: () => void = () => undefined
  const isSaid = new Promise<void>((resolve) => {
    onSaid = resolve
  })
  app.use((_req, res, next) => {
    settled = settledOf(res)
    settled.onSettled(abandonAfterMs, (how) => {
      said.push(how)
      onSaid()
    })
    next()
  })
  app.get('/', handler)
  const quiet: ErrorRequestHandler = (_error, _req, res, next) =>
    res.headersSent ? next(_error) : res.status(500).end()
  app.use(quiet)
  return { app, said, isSaid, left: () => settled!.left }
}

const folder = mkdtempSync(join(tmpdir(), 'settled-'))
const file = join(folder, 'file.txt')
writeFileSync(file, 'x'.repeat(200_000))
afterAll(() => rmSync(folder, { recursive: true }))

test.each<[string, RequestHandler, number]>([
  ['res.json', (_req, res) => void res.json({}), 200],
  ['res.end without a body', (_req, res) => void res.end(), 200],
  ['a stream', (_req, res) => void createReadStream(file).pipe(res), 200],
  ['sendFile', (_req, res) => res.sendFile(file), 200],
  ['a redirect', (_req, res) => res.redirect('/x'), 302],
  [
    'a handler that throws',
    () => {
      throw new Error('broken')
    },
    500,
  ],
  ['a route that nobody has', (_req, _res, next) => next(), 404],
])('%s ends a request once', async (_, handler, status) => {
  const { app, said, left } = watching(handler)
  await request(app).get('/').expect(status)
  expect(said).toEqual(['ended'])
  expect(left().aborted).toBe(false)
})

test('a second answer is refused by Node, and does not end it twice', async () => {
  const { app, said } = watching((_req, res) => {
    res.json({ first: true })
    expect(() => res.status(409).json({ second: true })).toThrow('after they are sent')
  })
  await request(app).get('/').expect(200, { first: true })
  expect(said).toEqual(['ended'])
})

test('an end that throws has not ended it', async () => {
  const seen: Settlement[][] = []
  const { app, said } = watching((_req, res) => {
    try {
      res.end(42 as never)
    } catch {
      seen.push([...said])
    }
    res.end('answer')
  })
  await request(app).get('/').expect(200, 'answer')
  expect(seen).toEqual([[]])
  expect(said).toEqual(['ended'])
})

/** A client that sends a request and leaves once the handler is at work. */
async function leaving(app: express.Express, atWork: Promise<unknown>) {
  const server = app.listen(0)
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await atWork
  socket.destroy()
  return () => new Promise((resolve) => server.close(resolve))
}

test('a client that leaves ends nothing while the handler is at work', async () => {
  const atWork = gate()
  const { app, said, left } = watching((_req, res) => atWork.resolve(res))
  const close = await leaving(app, atWork.promise)
  const res = await atWork.promise
  await once(res, 'close')
  expect(said).toEqual([])
  expect(left().aborted).toBe(true)
  res.json({ done: true })
  expect(said).toEqual(['ended'])
  await close()
})

test('a handler that never answers a client that left is given up at the deadline', async () => {
  const atWork = gate()
  const { app, said, isSaid } = watching((_req, res) => atWork.resolve(res), 1)
  const close = await leaving(app, atWork.promise)
  await isSaid
  expect(said).toEqual(['abandoned'])
  const res = await atWork.promise
  res.end()
  expect(said).toEqual(['abandoned'])
  await close()
})

test('who asks when all is over is told at once', async () => {
  const late: Settlement[] = []
  const { app } = watching((_req, res) => {
    res.end()
    settledOf(res).onSettled(LONG_MS, (how) => late.push(how))
  })
  await request(app).get('/')
  expect(late).toEqual(['ended'])
})

test('who asks after the client left waits for the deadline', async () => {
  const atWork = gate()
  const { app } = watching((_req, res) => atWork.resolve(res))
  const close = await leaving(app, atWork.promise)
  const res = await atWork.promise
  await once(res, 'close')
  const how = await new Promise((resolve) => settledOf(res).onSettled(1, resolve))
  expect(how).toBe('abandoned')
  await close()
})

test('a client that left before anybody watched has left', async () => {
  const left = gate()
  const app = express()
  app.get('/', (_req, res) => left.resolve(res))
  const close = await leaving(app, left.promise)
  const res = await left.promise
  await once(res, 'close')
  const settled = settledOf(res)
  expect(settled.left.aborted).toBe(true)
  expect(await new Promise((resolve) => settled.onSettled(1, resolve))).toBe('abandoned')
  await close()
})

test('an answer is watched once, however many ask', async () => {
  const watchers: Settled[] = []
  const { app } = watching((_req, res) => {
    watchers.push(settledOf(res), settledOf(res))
    res.end()
  })
  await request(app).get('/')
  expect(watchers[0]).toBe(watchers[1])
})
