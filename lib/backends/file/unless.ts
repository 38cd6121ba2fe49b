/** What `work` gives, or `undefined` when it fails with this code. */
export async function unless<R>(code: string, work: Promise<R>): Promise<R | undefined> {
  return work.catch((error: NodeJS.ErrnoException) => {
    if (error.code === code) return undefined
    throw error
  })
}
