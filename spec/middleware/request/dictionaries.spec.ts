import { setFlagsFromString } from 'node:v8'
import express, { type Express, type Request, type RequestHandler, type Response } from 'express'
import request from 'supertest'
import { commitChange, detectConflicts, memoryAdapter, resourceRouter } from '../../../lib'

setFlagsFromString('--allow-natives-syntax')
const hasHiddenClass = new Function('object', 'return %HasFastProperties(object)') as (object: object) => boolean
setFlagsFromString('--no-allow-natives-syntax')

/** Up to Node 22 V8 makes a hidden class for each request. */
const isClassShared = Number.parseInt(process.versions.node, 10) >= 24

const options = (name: string) => ({ name, adapter: memoryAdapter(), preconditions: { required: false } })
const chain = detectConflicts(options('chained'))

const MOUNTS: [string, (app: Express, look: RequestHandler) => void][] = [
  ['resourceRouter', (app, look) => app.use('/notes', resourceRouter({ ...options('routed'), allow: seenBy(look) }))],
  ['detectConflicts', (app, look) => app.put('/notes/:id', express.json(), chain, look, commitChange())],
]

/** What sees a request in the middle of the router. */
function seenBy(look: RequestHandler) {
  return (req: Request) => {
    look(req, req.res as Response, () => undefined)
    return undefined
  }
}

describe.each(MOUNTS)('%s', (_name, mount) => {
  test('requests and answers are dictionaries where V8 would make hidden classes for each, and have all their members', async () => {
    const app = express()
    const before: object[] = []
    const after: object[] = []
    let classes: boolean[] | undefined
    app.use((req, res, next) => {
      Object.assign(res.locals, { user: 'Ada' })
      before.push(res.locals, membersOf(res))
      expect([req, res].map(hasHiddenClass)).toEqual([true, true])
      next()
    })
    mount(app, (req, res, next) => {
      classes = [req, res].map(hasHiddenClass)
      after.push(res.locals, membersOf(res))
      expect(req.next).toEqual(expect.any(Function))
      expect(Object.getOwnPropertyDescriptor(req, 'next')).toMatchObject({ enumerable: true, writable: true })
      next()
    })
    await request(app).put('/notes/1').send({ title: 'A' }).expect(201)
    expect(classes).toEqual([isClassShared, isClassShared])
    expect(after).toEqual(before)
    expect(after[0]).toBe(before[0])
  })
})

function membersOf(object: object) {
  return Object.getOwnPropertyNames(object)
    .sort()
    .map((name) => [name, Object.getOwnPropertyDescriptor(object, name)?.enumerable])
}

test('what cannot be taken out stays', async () => {
  const app = express()
  app.use((_req, res, next) => {
    Object.defineProperty(res, 'locals', {
      value: Object.freeze({ user: 'Ada' }),
      configurable: false,
      writable: false,
    })
    next()
  })
  app.use('/notes', resourceRouter(options('fixed')))
  await request(app).put('/notes/1').send({ title: 'A' }).expect(201)
})
