import { fileStore } from '../../../lib/backends/file'
import { memoryStore } from '../../../lib/backends/memory'
import type { ExpiringStore } from '../../../lib/contracts/store'

/** A process that keeps a record for a moment and one for long, and tells what is left of them. */
const [, , kind = '', folder = ''] = process.argv
const store: ExpiringStore = kind === 'file' ? fileStore({ folder }) : memoryStore()

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

process.on('message', async (question) => {
  if (question === 'create') {
    const [short, long] = [await store.create('short', 'one', 3000), await store.create('long', 'one', 60_000)]
    process.send?.({ short, long })
    return
  }
  if (question !== 'read') await wait(3100)
  process.send?.({ short: await store.read('short'), long: await store.read('long') })
})
process.on('disconnect', () => process.exit())
