import { type MongoAdapterOptions, mongoAdapter } from '../../../lib/backends/mongodb'
import { adapterKit, jsonValues } from '../../../lib/testing'
import { ownName } from '../../services'
import { abilitiesOf } from '../abilities'
import { breakable } from '../breakable'
import { DRIVERS, describeMongo, type Opened } from './servers'

const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value)
const documents = jsonValues.filter(
  (value) => isObject(value) && !Object.keys(Object(value)).some((name) => name.startsWith('$')),
)

/** A command, and behind its length the name of the collection. */
const CHANGES = /(?:insert|update|delete).{5}ec_mongo/s
const COMMITS = /commitTransaction/

const CASES = [
  ['with texts as versions', () => ({}), {}],
  [
    'with tombstones and dates',
    () => ({ softDelete: 'removedAt', lastModified: 'modifiedAt' }),
    { tombstones: true, lastModified: true },
  ],
  ['with numbers as versions', () => ({ version: { field: '__v', type: 'number' } }), {}],
  [
    'with transactions',
    ({ client }: Opened) => ({ client, lastModified: 'modifiedAt' }),
    { transaction: true, lastModified: true },
  ],
  [
    'with history',
    ({ client, collection }: Opened, name: string) => ({
      client,
      history: { collection: collection(`${name}_history`), keepVersions: 3 },
    }),
    { transaction: true, readVersion: true },
  ],
  [
    'with history and tombstones',
    ({ client, collection }: Opened, name: string) => ({
      client,
      softDelete: 'removedAt',
      history: { collection: collection(`${name}_history`), keepVersions: 2 },
    }),
    { transaction: true, readVersion: true, tombstones: true },
  ],
] as const

describe.each(DRIVERS)('over %s', (driver, __, open) => {
  describeMongo('mongoAdapter keeps the contract', (start) => {
    // What differs between the drivers is how they speak, and what they hold a transaction by.
    const cases = driver === DRIVERS[0]?.[0] ? CASES : CASES.filter(([what]) => what === 'with history and tombstones')
    describe.each(cases)('%s', (what, more, abilities) => {
      let [one, two]: [Opened?, Opened?] = []
      let url = ''
      let name = ''
      let ms = 1e12
      beforeAll(async () => {
        url = (await start()).url
        one = open(url)
        two = open(url)
      })
      afterAll(() => Promise.all([one?.close(), two?.close()]))
      const over = (opened: Opened) =>
        mongoAdapter<unknown>({
          collection: opened.collection(name),
          now: () => ms,
          ...(more(opened, name) as Partial<MongoAdapterOptions<unknown>>),
        })

      const faulty: Opened[] = []
      afterEach(() => Promise.all(faulty.splice(0).map((each) => each.close())))
      const [, keepVersions] = /keepVersions: (\d)/.exec(String(more)) ?? []

      const kit = adapterKit<unknown>({
        makeAdapter: () => {
          name = ownName('mongo')
          return over(one as Opened)
        },
        makeSecond: () => over(two as Opened),
        makeFailing: () => {
          const down = open('mongodb://127.0.0.1:1/test', { serverSelectionTimeoutMS: 20 })
          faulty.push(down)
          return over(down)
        },
        values: [{ n: 1 }, { n: 2 }, { n: 3 }],
        extraValues: what.includes('texts') ? documents : [],
        abilities: abilitiesOf('mongoAdapter', abilities),
        makeFaulty: async (adapter, when) => {
          const way = await breakable(url, adapter, keepVersions === undefined ? CHANGES : COMMITS)
          const opened = open(way.url)
          faulty.push(opened)
          const broken = over(opened)
          await broken.read('a')
          await way.breakAt(when)
          return broken
        },
        advance: (by) => {
          ms += by
        },
        ...(keepVersions !== undefined && { keepVersions: Number(keepVersions) }),
        rounds: 3,
        writers: 5,
      })
      for (const { name: rule, run } of kit) test(rule, run)
    })
  })
})
