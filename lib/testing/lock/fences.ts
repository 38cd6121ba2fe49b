import { demand } from '../demand'
import { type Checks, held } from './trial'

export function fenceChecks(fence: boolean, takeAway?: (key: string) => Promise<void> | void): Checks {
  if (!fence) {
    return {
      'a lease has no fence, as it was declared': async ({ manager }) => {
        const lease = await held(manager)
        demand(lease.fence === undefined, 'fence is undefined, as it was declared', lease.fence)
        await lease.release()
      },
    }
  }
  return {
    'the fence is a decimal number that grows with every grant': async ({ manager, second, rounds }) => {
      let before = -1n
      for (let round = 0; round < rounds + 10; round++) {
        // Which manager asks makes no difference.
        const lease = await held(round % 3 === 0 ? second : manager)
        before = demandLarger(lease.fence, before)
        await lease.release()
      }
    },

    ...(takeAway && {
      'the fence grows over a loss': async ({ manager, second }) => {
        const lease = await held(manager)
        await takeAway('a')
        const next = await held(second)
        demandLarger(next.fence, demandLarger(lease.fence, -1n))
        await next.release()
        await lease.release()
      },
    }),
  }
}

function demandLarger(fence: string | undefined, before: bigint): bigint {
  demand(fence !== undefined && /^\d+$/.test(fence), 'a fence is a decimal number', fence)
  demand(BigInt(fence) > before, `the fence of a later grant is larger than ${before}`, fence)
  return BigInt(fence)
}
