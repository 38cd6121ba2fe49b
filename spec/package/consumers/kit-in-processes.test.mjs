import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileAdapter, fileLocks, fileStore } from 'express-conflict/file'
import { adapterKit, lockKit, storeKit } from 'express-conflict/testing'

// A module of either kind, and one that TypeScript compiled.
const modules = ['files.mjs', 'files.cjs', 'node/kit-files.cjs', 'node/kit-files.mjs']
const processKinds = modules.map((name) => new URL(`./${name}`, import.meta.url))

let folder
const fresh = () => {
  folder = mkdtempSync(join(tmpdir(), 'kit-'))
  return { folder }
}
const same = () => ({ folder })
/** One for each kit: the other cases run the same way, and the specs of each back end have them all. */
const inProcesses = ({ name }) => /^(what|a lock that) one process/.test(name)

for (const module of processKinds) {
  const processes = { module, at: same }
  const kits = [
    adapterKit({
      makeAdapter: () => fileAdapter(fresh()),
      values: [1, 2, 3],
      abilities: {
        remove: true,
        create: false,
        tombstones: false,
        lastModified: true,
        transaction: false,
        readVersion: true,
      },
      rounds: 3,
      processes,
    }),
    lockKit({
      makeManager: () => fileLocks(fresh()),
      makeSecond: () => fileLocks(same()),
      abilities: { fence: true, acrossProcesses: true },
      rounds: 3,
      processes,
    }),
    storeKit({
      makeStore: () => fileStore(fresh()),
      makeSecond: () => fileStore(same()),
      abilities: { within: false, acrossProcesses: true },
      rounds: 3,
      processes,
    }),
  ]
  for (const { name, run } of kits.flat().filter(inProcesses)) test(`${module}: ${name}`, run)
}
