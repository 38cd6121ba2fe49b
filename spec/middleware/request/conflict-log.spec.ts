import express, { type Request } from 'express'
import { pinoHttp } from 'pino-http'
import request from 'supertest'
import { ConflictError, resourceRouter, respondToConflicts } from '../../../lib'
import { conflictLog, type LoggedConflict } from '../../../lib/middleware/request/conflict-log'
import { shelf } from '../../stories/app'

afterEach(() => {
  jest.useRealTimers()
  jest.restoreAllMocks()
})

async function logged(options: Parameters<typeof respondToConflicts>[0], report = false) {
  const it = await shelf({ title: 'secret title' })
  const lines: Record<string, unknown>[] = []
  const app = express()
  const stream = { write: (line: string) => void lines.push(JSON.parse(line)) }
  app.use(pinoHttp({ autoLogging: false, genReqId: () => 'request 7', serializers: { req: ({ id }) => id } }, stream))
  const preconditions = { mode: report ? 'report' : 'enforce' } as const
  app.use('/articles', resourceRouter({ name: 'article', adapter: it.adapter, preconditions }))
  app.use(respondToConflicts(options))
  const { body } = await request(app)
    .put('/articles/1')
    .set({ 'If-Match': '"old-tag"', Authorization: 'Bearer token' })
    .send({ title: 'body' })
  return { body, lines }
}

test('without a logger the one of the request is taken, as pino-http has it', async () => {
  const { body, lines } = await logged({})
  expect(lines).toEqual([
    expect.objectContaining({
      ...{ level: 40, req: 'request 7', instance: body.instance, code: 'precondition_failed', status: 412 },
      ...{ method: 'PUT', name: 'article', keyHash: expect.stringMatching(/^[\w-]{16}$/) },
    }),
  ])
  expect(JSON.stringify(lines)).not.toMatch(/old-tag|secret title|"body"|token|\/articles/)
})

test('so is it in report mode, and one that is given comes first', async () => {
  const { lines } = await logged({}, true)
  expect(lines).toEqual([expect.objectContaining({ code: 'precondition_failed', enforced: false })])
  const warn = jest.fn()
  const given = await logged({ logger: { warn, error: warn } })
  expect([given.lines, warn.mock.calls.length]).toEqual([[], 1])
})

describe('a storm', () => {
  const occurrence = (code: 'queue_full' | 'frozen', key?: string): LoggedConflict => ({
    req: {} as Request,
    guarded: { settings: { name: 'article' }, key },
    conflict: new ConflictError(code),
    instance: 'urn:uuid:1',
    enforced: true,
  })

  test('has 100 lines of a kind in ten seconds, and one that says how many more there were', () => {
    jest.useFakeTimers()
    const lines: [string, object, string][] = []
    const logger = {
      warn: (fields: object, message: string) => void lines.push(['warn', fields, message]),
      error: (fields: object, message: string) => void lines.push(['error', fields, message]),
    }
    const log = conflictLog(logger)
    for (let at = 0; at < 1000; at++) log(occurrence('queue_full'))
    log(occurrence('frozen'))
    expect(lines.map(([level]) => level)).toEqual([...Array.from({ length: 100 }, () => 'error'), 'warn'])
    jest.advanceTimersByTime(10_000)
    expect(lines.slice(101)).toEqual([
      ['error', { code: 'queue_full', status: 503, notLogged: 900 }, '900 more queue_full in 10 s'],
    ])
    log(occurrence('queue_full'))
    expect(lines).toHaveLength(103)
  })

  test('a resource has one hash in all lines, and another one has another', () => {
    const seen: unknown[] = []
    const write = (fields: object) => void seen.push((fields as { keyHash?: string }).keyHash)
    for (const key of ['1', '1', '2', undefined]) conflictLog({ warn: write, error: write })(occurrence('frozen', key))
    expect(seen[0]).toBe(seen[1])
    expect(seen[0]).not.toBe(seen[2])
    expect(seen[3]).toBeUndefined()
  })
})
