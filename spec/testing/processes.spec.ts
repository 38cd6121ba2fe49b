import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { adapterKit, type KitCase, lockKit, type Processes, storeKit } from '../../lib/testing'
import { type At, makeAdapter, makeManager, makeStore } from './impostors'

const root = mkdtempSync(join(tmpdir(), 'processes-'))
afterAll(() => rmSync(root, { recursive: true }))
let count = 0

const HOOK = ['-r', join(__dirname, '../ts-hook.js')]
const MODULE = join(__dirname, 'impostors.ts')

/** Each case has a folder of its own. */
function places(impostor: boolean) {
  let at: At = { folder: '', impostor }
  return {
    fresh: () => {
      at = { folder: join(root, String(++count)), impostor }
      return at
    },
    same: () => at,
  }
}

type Place = ReturnType<typeof places>
type Given = { readonly processes?: Processes }

const over = ({ same }: Place, module: string | URL = MODULE): Processes => ({ module, at: same, execArgv: HOOK })

function adapterCases(impostor: boolean, kit: (place: Place) => Given): KitCase[] {
  const place = places(impostor)
  return adapterKit({
    makeAdapter: () => makeAdapter(place.fresh()),
    makeSecond: () => makeAdapter(place.same()),
    values: [{ n: 1 }, { n: 2 }, { n: 3 }],
    abilities: {
      remove: !impostor,
      create: false,
      tombstones: false,
      lastModified: !impostor,
      transaction: false,
      readVersion: !impostor,
    },
    ...kit(place),
  })
}

function lockCases(impostor: boolean, kit: (place: Place) => Given): KitCase[] {
  const place = places(impostor)
  return lockKit({
    makeManager: () => makeManager(place.fresh()),
    makeSecond: () => makeManager(place.same()),
    abilities: { fence: true, acrossProcesses: true },
    ...kit(place),
  })
}

function storeCases(impostor: boolean, kit: (place: Place) => Given): KitCase[] {
  const place = places(impostor)
  return storeKit({
    makeStore: () => makeStore(place.fresh()),
    makeSecond: () => makeStore(place.same()),
    abilities: { within: false, acrossProcesses: true },
    ...kit(place),
  })
}

const alone = () => ({})
const together = (place: Place) => ({ processes: over(place) })

/** What the kit adds for several processes. */
const added = (casesOf: typeof adapterCases, impostor: boolean) => {
  const known = new Set(casesOf(impostor, alone).map(({ name }) => name))
  return casesOf(impostor, together).filter(({ name }) => !known.has(name))
}

describe.each([
  ['adapters', adapterCases, 5],
  ['locks', lockCases, 4],
  ['stores', storeCases, 4],
] as const)('%s in several processes', (_, casesOf, cases) => {
  describe('what shares its back end passes', () => {
    for (const { name, run } of added(casesOf, false)) test(name, run)
    test('there are such cases', () => expect(added(casesOf, false)).toHaveLength(cases))
  })

  describe('what has its mutex in module scope passes in one process', () => {
    for (const { name, run } of casesOf(true, alone)) test(name, run)
  })

  describe('and fails in several', () => {
    // What is only read, and what comes one after the other, an impostor over shared files does as well. Whether two
    // of its processes meet at the moment in which a record expires is chance.
    const honest =
      /^what one process (writes|stores) the others read$|was killed|take a lock at once|anew when it has expired/
    const caught = added(casesOf, true).filter(({ name }) => !honest.test(name))
    test.each(caught.map(({ name, run }) => [name, run] as const))('%s', async (_name, run) => {
      await expect(run()).rejects.toThrow(/^The contract demands: /)
    })
  })
})

describe('the module that the processes load', () => {
  const first = (processes: Processes) =>
    adapterCases(false, () => ({ processes }))
      .find(isOfProcesses)
      ?.run()
  const isOfProcesses = ({ name }: KitCase) => name === 'what one process writes the others read'

  test('may be a URL, and an ECMAScript module', async () => {
    const place = places(false)
    const kit = adapterCases(false, () => ({ processes: over(place, pathToFileURL(MODULE)) }))
    expect(kit.some(isOfProcesses)).toBe(true)
  })

  test.each([
    ['is not there', join(root, 'nothing.js'), /Cannot find module/],
    [
      'exports nothing of that name',
      join(__dirname, 'toy-store.ts'),
      /toy-store\.ts exports no function makeAdapter\./,
    ],
    ['ends its process', join(__dirname, 'ending.ts'), /which loads .*ending\.ts, ended with 7/],
  ])('fails the case when it %s', async (_, module, message) => {
    await expect(first({ module, execArgv: HOOK })).rejects.toThrow(message)
  })

  test.each([
    [{ module: './impostors' }, 'adapterKit(): processes: module has to be the absolute path or the file: URL'],
    [{}, 'adapterKit(): processes: module has to be'],
    [{ module: MODULE, path: 1 }, 'adapterKit(): processes: there is no option "path".'],
    [{ module: MODULE, at: 1 }, 'adapterKit(): processes: at has to be a function; got 1.'],
    [{ module: MODULE, execArgv: '-r' }, 'adapterKit(): processes: execArgv has to be an array'],
  ])('is refused at once as %j', (processes, message) => {
    expect(() => adapterCases(false, () => ({ processes: processes as Processes }))).toThrow(message)
  })

  test.each([
    ['lockKit()', lockCases],
    ['storeKit()', storeCases],
  ])('does not go with a clock of the test runner: %s', (kit, casesOf) => {
    const options = (place: Place) => ({ processes: over(place), advance: async () => {} })
    expect(() => casesOf(false, options)).toThrow(
      `${kit}: advance moves the clock of this process alone; leave it out, or processes.`,
    )
  })
})
