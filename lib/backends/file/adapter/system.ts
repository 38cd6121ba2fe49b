import * as promises from 'node:fs/promises'
import { isStoreFault, storeFault } from '../../../contracts/store-fault'

/** What is done with files. Specs bring one that fails. */
export type FileSystem = Pick<typeof promises, 'link' | 'lstat' | 'mkdir' | 'open' | 'readdir' | 'rename' | 'rm'>

export const nodeFiles: FileSystem = promises

export function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === 'string' ? code : ''
}

/** Without the message of the system, which names paths. It is the cause, for those who look. */
export function faultOf(cause: unknown, applied: 'no' | 'unknown'): Error {
  // A value that is none, or a mistake in the code.
  if (isStoreFault(cause) || cause instanceof TypeError || cause instanceof RangeError) return cause
  const reason = codeOf(cause) || (cause instanceof Error ? cause.message : String(cause))
  return storeFault(new Error(`the file system: ${reason}`, { cause }), { applied })
}
