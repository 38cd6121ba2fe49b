import compression from 'compression'
import express, { type RequestHandler } from 'express'
import request from 'supertest'
import { type AnswerGuard, guardOf, guardOnTop, pass } from '../../../lib/middleware/request/answer-guard'

/** Writes down who acts on an answer, and when. */
function listening(answer: AnswerGuard, steps: string[], isVetoed: boolean): void {
  answer.onHead = (_res, status) => {
    steps.push('head')
    return status
  }
  answer.onEnd = () => steps.push('ended')
  answer.vetoes = [
    {
      isDue: () => {
        steps.push('veto?')
        return isVetoed
      },
      afterVeto: async (status) => {
        steps.push(`vetoed ${status}`)
        answer.res.end('refused')
      },
    },
  ]
  answer.capture = {
    writeHead: (args) => {
      steps.push('captured head')
      return pass(answer).writeHead.apply(answer.res, args)
    },
    flushHeaders: () => undefined,
    write: (args) => pass(answer).write.apply(answer.res, args),
    end: (args) => {
      steps.push('captured')
      return pass(answer).end.apply(answer.res, args)
    },
  }
}

function appOf(steps: string[], isVetoed: boolean, handler: RequestHandler = (_req, res) => void res.end('text')) {
  const app = express()
  app.use((_req, res, next) => {
    listening(guardOnTop(res), steps, isVetoed)
    next()
  })
  app.get('/', handler)
  return app
}

test('veto, capture, head, end: in this order', async () => {
  const steps: string[] = []
  const answer = await request(appOf(steps, false)).get('/')
  expect([answer.status, answer.text]).toEqual([200, 'text'])
  expect(steps.filter((step) => step !== 'veto?')).toEqual(['captured', 'captured head', 'head', 'ended'])
  expect(steps[0]).toBe('veto?')
})

test('a vetoed answer is neither captured nor ended; the answer in its place is', async () => {
  const steps: string[] = []
  const answer = await request(appOf(steps, true)).get('/')
  expect([answer.status, answer.text]).toEqual([500, 'refused'])
  expect(steps.filter((step) => step !== 'veto?')).toEqual(['vetoed 200', 'captured', 'captured head', 'head', 'ended'])
})

test('there is one guard for each answer, and no method of its own on a plain one', async () => {
  const seen: unknown[] = []
  const app = express().use((_req, res) => {
    seen.push(guardOf(res) === guardOnTop(res))
    seen.push(...['writeHead', 'flushHeaders', 'write', 'end'].map((name) => Object.hasOwn(res, name)))
    res.end()
  })
  await request(app).get('/')
  expect(seen).toEqual([true, false, false, false, false])
})

test.each([
  ['in front', ['compression', 'guard']],
  ['behind', ['guard', 'compression']],
  ['in between', ['guard', 'compression', 'guard']],
])('a layer that compresses, %s, is passed once, by the first request and the next', async (_, order) => {
  const steps: string[] = []
  const app = express()
  const guard: RequestHandler = (_req, res, next) => {
    listening(guardOnTop(res), steps, false)
    next()
  }
  for (const name of order) app.use(name === 'guard' ? guard : compression({ threshold: 0 }))
  app.get('/', (_req, res) => void res.type('text').end('text'))
  for (const _ of [1, 2]) {
    const answer = await request(app).get('/')
    expect([answer.status, answer.text, answer.headers['content-encoding']]).toEqual([200, 'text', 'gzip'])
  }
  for (const step of ['captured', 'ended']) expect(steps.filter((each) => each === step)).toHaveLength(2)
})

test('requests that nothing guards are left alone, in an app that has guarded some', async () => {
  const steps: string[] = []
  const app = express()
  app.get('/guarded', (_req, res) => {
    listening(guardOnTop(res), steps, false)
    res.end()
  })
  app.get('/', (_req, res) => void res.end('text'))
  await request(app).get('/guarded')
  steps.length = 0
  expect((await request(app).get('/')).text).toBe('text')
  expect(steps).toEqual([])
})
