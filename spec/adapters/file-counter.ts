import { fileAdapter } from '../../lib/adapters/file'

/** Each process counts its own part too: whoever is started again goes on where it was killed. */
export interface Count {
  readonly total: number
  readonly by: Readonly<Record<string, number>>
}

/** That a count was acknowledged, or that one which had been was not there any more. */
export type Report = { readonly counted: number } | { readonly lost: string }

async function count(folder: string, me: string, goal: number): Promise<void> {
  const adapter = fileAdapter<Count>({ folder })
  let last: number | undefined
  for (;;) {
    const state = await adapter.read('a/count')
    const { total, by } = state?.value ?? { total: 0, by: {} }
    const mine = by[me] ?? 0
    if (last !== undefined && mine !== last) process.send?.({ lost: `${me} read ${mine} after it had written ${last}` })
    if (mine >= goal) return
    const next = { total: total + 1, by: { ...by, [me]: mine + 1 } }
    const result = await adapter.write('a/count', next, state?.version ?? null)
    if (!result.ok) continue
    last = mine + 1
    process.send?.({ counted: last })
  }
}

const [, , folder = '', me = '', goal] = process.argv
count(folder, me, Number(goal)).then(
  () => process.disconnect(),
  (error: unknown) => {
    console.error(error)
    process.exit(1)
  },
)
// A parent that is gone has no more use for it.
process.on('disconnect', () => process.exit())
