/** Settles like `work`, or rejects with the error of `late` after `ms`. The work itself goes on. */
export function withDeadline<R>(work: Promise<R>, ms: number, late: () => Error): Promise<R> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined
    let isSettled = false
    const onSettled = () => {
      isSettled = true
      clearTimeout(timer)
    }
    // The app's own adapter may return a value that is not a promise.
    const settled = Promise.resolve(work)
    settled.then(resolve, reject)
    settled.then(onSettled, onSettled)
    // A timer is slower than a read from memory, so it is only started if the work is not done yet.
    void DONE.then(() => {
      if (!isSettled) timer = setTimeout(() => reject(late()), ms)
    })
  })
}

const DONE = Promise.resolve()
