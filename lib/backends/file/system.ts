import { lstatSync, mkdirSync } from 'node:fs'
import * as promises from 'node:fs/promises'
import { resolve } from 'node:path'
import { isStoreFault, storeFault } from '../../contracts/store-fault'

/** The functions of `node:fs` that are used. Specs bring some that fail. */
export type FileSystem = Pick<typeof promises, 'link' | 'lstat' | 'mkdir' | 'open' | 'readdir' | 'rename' | 'rm'>

export const nodeFiles: FileSystem = promises

export function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === 'string' ? code : ''
}

/** A fault without the system's message, which names paths. The original error is its `cause`. */
export function faultOf(cause: unknown, applied: 'no' | 'unknown'): Error {
  // A value that cannot be stored, or a mistake in the code, is passed on unchanged.
  if (isStoreFault(cause) || cause instanceof TypeError || cause instanceof RangeError) return cause
  const reason = codeOf(cause) || (cause instanceof Error ? cause.message : String(cause))
  return storeFault(new Error(`the file system: ${reason}`, { cause }), { applied })
}

/** The result of `work`, or `undefined` if it fails with this code. */
export async function unless<R>(code: string, work: Promise<R>): Promise<R | undefined> {
  return work.catch((error: NodeJS.ErrnoException) => {
    if (error.code === code) return undefined
    throw error
  })
}

/** Creates the folder if it is missing. Refuses one to which another user can add links or files. */
export function ownFolder(folder: unknown, who: string): string {
  if (typeof folder !== 'string' || folder === '')
    throw new TypeError(`${who}: folder is ${JSON.stringify(folder)}; give the path of a folder.`)
  const path = resolve(folder)
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const seen = lstatSync(path)
  const isOurs = process.getuid === undefined || (seen.uid === process.getuid() && (seen.mode & 0o022) === 0)
  if (seen.isDirectory() && isOurs) return path
  throw new Error(`${who}: ${path} is not a folder that this user alone can write to.`)
}

/** The time since the start of the machine. All its processes share this clock, and nobody sets it. */
export function uptimeMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
