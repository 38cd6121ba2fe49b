import { setFlagsFromString } from 'node:v8'
import express, { type Express, type Request, type RequestHandler, type Response } from 'express'
import request from 'supertest'
import { commitChange, detectConflicts, memoryAdapter, resourceRouter } from '../../../lib'
import { makeDictionaries } from '../../../lib/middleware/request/conflict-middleware'

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

const user = () => 'Ada'

const ODD_MEMBERS: [string, PropertyDescriptor][] = [
  ['fixed', { value: 'Ada', configurable: false, writable: false, enumerable: true }],
  ['read-only', { value: 'Ada', configurable: true, writable: false, enumerable: true }],
  ['not listed', { value: 'Ada', configurable: true, writable: true, enumerable: false }],
  ['with a getter', { get: user, configurable: true, enumerable: true }],
  ['with a getter and a setter', { get: user, set: () => undefined, configurable: true, enumerable: true }],
]

describe.each(ODD_MEMBERS)('a member that is %s', (_name, member) => {
  const made = () => {
    const odd = () => Object.defineProperties({}, { next: member, locals: member })
    return [odd() as Request, odd() as Response] as const
  }

  test('stays as the app has made it', () => {
    const [req, res] = made()
    makeDictionaries(req, res)
    for (const [object, name] of [[req, 'next'] as const, [res, 'locals'] as const])
      expect(Object.getOwnPropertyDescriptor(object, name)).toEqual(member)
  })

  test('is not copied from a prototype', () => {
    const [req, res] = made().map((each) => Object.create(each))
    makeDictionaries(req, res)
    expect([req, res].flatMap(Object.getOwnPropertyNames)).toEqual([])
  })

  test('stays in an object that takes no more members', () => {
    const [req, res] = made().map((each) => Object.preventExtensions(each)) as unknown as [Request, Response]
    makeDictionaries(req, res)
    for (const [object, name] of [[req, 'next'] as const, [res, 'locals'] as const])
      expect(Object.getOwnPropertyDescriptor(object, name)).toEqual(member)
  })
})
