import { mongoStore } from '../../../lib/backends/mongodb'
import { storeKit } from '../../../lib/testing'
import { ownName } from '../../services'
import { DRIVERS, describeMongo, type Opened } from './servers'

describe.each(DRIVERS)('over %s', (_, __, open) => {
  describeMongo('mongoStore keeps the contract', (start) => {
    let [one, two, down]: [Opened?, Opened?, Opened?] = []
    let name = ''
    beforeAll(async () => {
      const { url } = await start()
      one = open(url)
      two = open(url)
      down = open('mongodb://127.0.0.1:1/test', { serverSelectionTimeoutMS: 20 })
    })
    afterAll(() => Promise.all([one, two, down].map((each) => each?.close())))
    const over = (opened?: Opened) => mongoStore({ collection: (opened as Opened).collection(name) })

    const kit = storeKit({
      makeStore: () => {
        name = ownName('store')
        return over(one)
      },
      makeSecond: () => over(two),
      makeFailing: () => over(down),
      abilities: { within: true, acrossProcesses: true },
      transact: async (run) => {
        const session = (one as Opened).client.startSession()
        session.startTransaction()
        try {
          await run(session)
          await session.commitTransaction()
        } catch (error) {
          await session.abortTransaction()
          throw error
        } finally {
          await session.endSession()
        }
      },
      rounds: 5,
    })
    for (const { name: rule, run } of kit) test(rule, run)

    test('expired records are left to an index of the server, which the first creation makes', async () => {
      const { standIn } = await start()
      if (!standIn) return
      name = ownName('store')
      const store = over(one)
      standIn.commands.length = 0
      await store.create('a', 'one', 60_000)
      await store.create('b', 'one', 60_000)
      expect(standIn.commands.filter((command) => command === 'createIndexes')).toHaveLength(1)
    })
  })
})

test.each([
  [{}, "mongoStore(): collection has to be a collection of MongoDB's driver; got undefined."],
  [{ collection: {} }, 'mongoStore(): collection has to be a collection'],
])('mongoStore(%j) says what is wrong', (options, message) => {
  expect(() => mongoStore(options as never)).toThrow(message)
})

test('a transaction of another back end is refused, with the way out', async () => {
  const [, , open] = DRIVERS[0]
  const opened = open('mongodb://127.0.0.1:1/test')
  const store = mongoStore({ collection: opened.collection() })
  expect(() => store.within?.({ getExecutor() {} })).toThrow(/within\(\) takes a session of MongoDB/)
  await opened.close()
})
