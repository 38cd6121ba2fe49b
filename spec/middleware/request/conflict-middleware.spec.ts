import express from 'express'
import request from 'supertest'
import { asyncHandler } from '../../../lib'

function appOf(handler: Parameters<typeof asyncHandler>[0]) {
  const app = express()
  app.get('/', asyncHandler(handler as never), (_req, res) => void res.status(204).end())
  app.use(
    ((error, _req, res, _next) =>
      void res.status(500).json({ said: String(error.message ?? error) })) as express.ErrorRequestHandler,
  )
  return request(app)
}

test.each([
  ['rejects', () => Promise.reject(new Error('late')), 500, { said: 'late' }],
  [
    'throws before its first await',
    () => {
      throw new Error('early')
    },
    500,
    { said: 'early' },
  ],
  [
    'rejects with nothing, which would mean "go on"',
    () => Promise.reject(),
    500,
    { said: 'Something failed with undefined in place of an error.' },
  ],
  ['goes on', async (_req: unknown, _res: unknown, next: () => void) => next(), 204, {}],
])('a handler that %s', async (_, handler, status, body) => {
  const answer = await appOf(handler as never).get('/')
  expect([answer.status, answer.body]).toEqual([status, body])
})

test('what is no handler is refused at start-up', () => {
  expect(() => asyncHandler(Promise.resolve() as never)).toThrow(
    /asyncHandler\(\): give a handler; got an instance of Promise/,
  )
})
