import { fileStore } from '../../../lib/backends/file'

/** A process that counts in one record for so long, and tells how often it did. */
const [, , folder = '', ms = '0'] = process.argv

async function count(): Promise<number> {
  const store = fileStore({ folder })
  let replaced = 0
  for (const until = Date.now() + Number(ms); Date.now() < until; ) {
    const before = (await store.read('a')) ?? '0'
    if (await store.replace('a', before, String(Number(before) + 1), 600_000)) replaced += 1
  }
  return replaced
}

process.on('disconnect', () => process.exit())
void count().then((replaced) => process.send?.(replaced))
