import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileStore } from '../../../lib/backends/file'

/** How far processes counted in one record, and how often each of them was told that it did. */
export async function countInProcesses(folder: string, processes: number, ms: number) {
  const store = fileStore({ folder })
  await store.create('a', '0', 600_000)
  const children = Array.from({ length: processes }, () =>
    fork(join(__dirname, 'file-counter.ts'), [folder, String(ms)], {
      execArgv: ['-r', join(__dirname, '../../ts-hook.js')],
    }),
  )
  try {
    const told = await Promise.all(children.map((child) => once(child, 'message')))
    return {
      counted: Number(await store.read('a')),
      replaced: told.reduce((sum, [replaced]) => sum + Number(replaced), 0),
    }
  } finally {
    for (const child of children) child.kill('SIGKILL')
  }
}
