import { setTimeout as sleep } from 'node:timers/promises'

const PAUSES_MS = [100, 400, 1600, 6400]

/** Tries a step that has failed up to four times more, and rejects as the last try did. Its pauses keep no process alive. */
export async function retryLater<R>(step: () => Promise<R>): Promise<R> {
  let latest: unknown
  for (const ms of PAUSES_MS) {
    await sleep(ms, undefined, { ref: false })
    try {
      return await step()
    } catch (error) {
      latest = error
    }
  }
  throw latest
}
