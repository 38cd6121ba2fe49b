import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileStore } from '../../../lib/backends/file'
import { isStoreFault } from '../../../lib/contracts/store-fault'
import { storeKit } from '../../../lib/testing'
import { inProcesses } from '../processes'

const root = mkdtempSync(join(tmpdir(), 'file-store-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let count = 0
const fresh = () => join(root, `store-${++count}`)

describe('fileStore keeps the contract', () => {
  const kit = storeKit({
    makeStore: () => fileStore({ folder: fresh() }),
    makeSecond: () => fileStore({ folder: join(root, `store-${count}`) }),
    makeFailing: () => {
      const folder = fresh()
      const store = fileStore({ folder })
      rmSync(folder, { recursive: true })
      // Neither root nor anybody else finds a folder in a file.
      writeFileSync(folder, '')
      return store
    },
    abilities: { within: false, acrossProcesses: true },
    rounds: 5,
    processes: inProcesses(() => ({ at: 'files', folder: join(root, `store-${count}`) })),
  })
  for (const { name, run } of kit) test(name, run)
})

const filesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())

describe('fileStore', () => {
  test('a key makes no path, and leaves no draft', async () => {
    const folder = fresh()
    await fileStore({ folder }).create('../../etc/passwd', 'one', 60_000)
    expect(filesIn(folder).map(({ name }) => name)).toEqual(['1'])
    expect(readdirSync(root).sort()).toEqual(Array.from({ length: count }, (_, i) => `store-${i + 1}`).sort())
  })

  test('what has expired is not carried on, and files that are old are cleared', async () => {
    const folder = fresh()
    const store = fileStore({ folder })
    await store.create('a', 'one', 1)
    const [bucket = ''] = readdirSync(folder).filter((name) => name !== 'drafts')
    // Times of an earlier start of the machine, far from now.
    const { utimesSync } = await import('node:fs')
    for (const name of ['1']) utimesSync(join(folder, bucket, name), 1e9, 1e9)
    await new Promise((resolve) => setTimeout(resolve, 5))
    for (let time = 0; time < 3; time++) {
      await store.create('a', 'two', 1)
      for (const name of readdirSync(join(folder, bucket))) utimesSync(join(folder, bucket, name), 1e9, 1e9)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await store.create('a', 'three', 60_000)
    expect(readdirSync(join(folder, bucket)).length).toBeLessThanOrEqual(2)
    expect(await store.read('a')).toBe('three')
  })

  test('a file that is torn is a fault, not an answer', async () => {
    const folder = fresh()
    const store = fileStore({ folder })
    await store.create('a', 'one', 60_000)
    const [bucket = ''] = readdirSync(folder).filter((name) => name !== 'drafts')
    writeFileSync(join(folder, bucket, '1'), '{"half')
    const error = await store.create('a', 'two', 60_000).catch((reason: unknown) => reason)
    expect(isStoreFault(error)).toBe(true)
  })

  test('a folder that others can write to is refused', () => {
    const folder = fresh()
    mkdirSync(folder)
    chmodSync(folder, 0o777)
    expect(() => fileStore({ folder })).toThrow('is not a folder that this user alone can write to')
    expect(() => fileStore({ folder: '' })).toThrow(
      new TypeError('fileStore(): folder is ""; give the path of a folder.'),
    )
  })
})
