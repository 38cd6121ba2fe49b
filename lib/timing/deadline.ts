/** Settles as `work` does, or rejects with what `late` makes when that takes longer than `ms`. The work itself goes on. */
export function withDeadline<R>(work: Promise<R>, ms: number, late: () => Error): Promise<R> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined
    let isSettled = false
    const settle = () => {
      isSettled = true
      clearTimeout(timer)
    }
    // An adapter of the app's own may give its result at once.
    Promise.resolve(work).then(
      (result) => {
        settle()
        resolve(result)
      },
      (error: unknown) => {
        settle()
        reject(error)
      },
    )
    // A timer costs more than a read from memory, so work that is already done gets none.
    void SETTLED.then(() => {
      if (!isSettled) timer = setTimeout(() => reject(late()), ms)
    })
  })
}

const SETTLED = Promise.resolve()
