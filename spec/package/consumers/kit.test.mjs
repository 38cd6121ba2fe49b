import { test } from 'node:test'
import { memoryAdapter } from 'express-conflict'
import { adapterKit } from 'express-conflict/testing'

const kit = adapterKit({
  makeAdapter: () => memoryAdapter(),
  values: [{ n: 1 }, { n: 2 }, { n: 3 }],
  abilities: {
    remove: true,
    create: false,
    tombstones: false,
    lastModified: true,
    transaction: true,
    readVersion: false,
  },
})
for (const { name, run } of kit) test(name, run)
