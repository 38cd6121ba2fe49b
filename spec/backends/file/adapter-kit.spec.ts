import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileAdapter, uploadAdapter } from '../../../lib/backends/file'
import { jsonResources, uploadResources } from '../../../lib/backends/file/adapter'
import { type FileSystem, nodeFiles } from '../../../lib/backends/file/system'
import { adapterKit, type FaultMoment, jsonValues } from '../../../lib/testing'
import { abilitiesOf } from '../abilities'
import { inProcesses } from '../processes'
import { ofJson } from './json-uploads'

jest.setTimeout(60_000)

const root = mkdtempSync(join(tmpdir(), 'file-adapter-'))
afterAll(() => rmSync(root, { recursive: true }))
let count = 0
const newFolder = () => join(root, String(++count))

/** If the outcome of a change is unknown, its marker is left to the next sweep. */
const swept = new Set<string>()

describe.each([
  ['without tombstones', false, 1],
  ['with tombstones, all versions kept', true, 1000],
])('%s', (_, tombstones, keepVersions) => {
  let ms = Date.now()
  let folder = ''
  const options = () => ({ folder, tombstones, keepVersions, now: () => ms })
  const common = {
    values: [{ n: 1 }, { n: 2 }, { n: 3 }] as const,
    extraValues: jsonValues,
    rounds: 6,
    advance: (by: number) => {
      ms += by
    },
  }
  /** A reader of an upload may be late by more than one version. */
  const kept = () => ({ ...options(), keepVersions: 1000 })
  const fresh = () => {
    folder = newFolder()
    return options()
  }
  const uncertain = <O extends { folder: string }>(given: O): O => {
    swept.add(basename(given.folder))
    return given
  }
  const gone = <A>(adapter: A): A => {
    rmSync(folder, { recursive: true })
    return adapter
  }

  describe('the file adapter keeps the contract', () => {
    const kit = adapterKit<unknown>({
      ...common,
      abilities: abilitiesOf('fileAdapter', { tombstones }),
      ...(keepVersions < 10 && { keepVersions }),
      makeFaulty: (_adapter, when) => jsonResources(uncertain(options()), faulty(when)),
      makeAdapter: () => fileAdapter(fresh()),
      makeSecond: () => fileAdapter(options()),
      makeFailing: () => gone(fileAdapter(fresh())),
      ...(!tombstones && { processes: inProcesses(() => ({ at: 'files', folder, tombstones })) }),
    })
    for (const { name, run } of kit) test(name, run)
  })

  describe('the upload adapter keeps the contract', () => {
    const kit = adapterKit<unknown>({
      ...common,
      abilities: abilitiesOf('uploadAdapter', { tombstones }),
      makeFaulty: (_adapter, when) => ofJson(uploadResources(uncertain(kept()), faulty(when))),
      makeAdapter: () => ofJson(uploadAdapter({ ...fresh(), ...kept() })),
      makeSecond: () => ofJson(uploadAdapter(kept())),
      makeFailing: () => gone(ofJson(uploadAdapter(fresh()))),
      ...(!tombstones && { processes: inProcesses(() => ({ at: 'uploads', folder, tombstones })) }),
    })
    for (const { name, run } of kit) test(name, run)
  })

  test('nothing is left in the spool', () => {
    const certain = readdirSync(root).filter((each) => !swept.has(each))
    expect(certain.flatMap((each) => readdirSync(join(root, each, '.spool')))).toEqual([])
  })
})

/** The disk fails when the head is renamed, or when that is to be made to last. */
function faulty(when: FaultMoment): FileSystem {
  let isRenamed = false
  const eio = () => Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' }))
  return {
    ...nodeFiles,
    rename: async (from, to) => {
      if (when === 'before') return eio()
      isRenamed = true
      return nodeFiles.rename(from, to)
    },
    open: ((...given: Parameters<FileSystem['open']>) =>
      isRenamed ? eio() : nodeFiles.open(...given)) as FileSystem['open'],
  }
}
