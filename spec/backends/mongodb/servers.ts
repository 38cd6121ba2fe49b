import { MongoClient, ObjectId } from 'mongodb'
import { MongoClient as MongoClient6, ObjectId as ObjectId6 } from 'mongodb6'
import type { MongoCollection, MongoClient as Sessions } from '../../../lib/backends/mongodb'
import { ownName } from '../../services'
import { type StandIn, standIn } from './stand-in'

/** What the specs use of a driver, and the adapter takes. */
export interface Opened {
  readonly client: Sessions
  collection(name?: string): MongoCollection
  close(): Promise<void>
}

/** Not for long: a server that is down is one of the cases. */
const TIMES = { serverSelectionTimeoutMS: 1000, connectTimeoutMS: 1000, retryWrites: false }

export const DRIVERS = [
  ['driver 7', ObjectId, (url: string, more = {}) => opened(new MongoClient(url, { ...TIMES, ...more }))],
  ['driver 6', ObjectId6, (url: string, more = {}) => opened(new MongoClient6(url, { ...TIMES, ...more }))],
] as const

function opened(client: MongoClient | MongoClient6): Opened {
  return {
    client,
    collection: (name = ownName('mongo')) => (client as MongoClient).db().collection(name),
    close: () => client.close(),
  }
}

/** The stand-in, and the server that `MONGODB_URL` names. */
export function describeMongo(name: string, body: (server: () => Promise<{ url: string; standIn?: StandIn }>) => void) {
  describe(`${name}, on the stand-in`, () => {
    let server: StandIn | undefined
    afterAll(() => server?.close())
    body(async () => {
      server ??= await standIn()
      return { url: server.url, standIn: server }
    })
  })
  const url = process.env.MONGODB_URL
  if (url) describe(`${name}, on MongoDB`, () => body(async () => ({ url })))
  else test.skip(`${name}, on MongoDB: MONGODB_URL names a server`, () => {})
}
