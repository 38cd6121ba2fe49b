import express, { type ErrorRequestHandler } from 'express'
import request from 'supertest'
import { detectConflicts, memoryAdapter, respondToConflicts } from '../../lib'

/** What Express has to say of an error that nobody answered. */
function tellingApp() {
  const app = express()
  const last: ErrorRequestHandler = (error, _req, res, _next) => {
    res.status(500).send(String(error))
  }
  return { app, last }
}

test('a responder that was not called says so at the first request', async () => {
  const { app, last } = tellingApp()
  app.use(respondToConflicts as never)
  app.use(last)
  const { text } = await request(app).get('/').expect(500)
  expect(text).toContain('app.use(respondToConflicts())')
})

test('a schema that Ajv does not take is refused at start-up, by the name of the option', () => {
  const options = { name: 'note', adapter: memoryAdapter(), schema: { type: 'objekt' } }
  expect(() => detectConflicts(options)).toThrow(/^schema: Ajv does not take it: .*data\/type/)
})
