import { lstatSync, mkdirSync } from 'node:fs'
import { resolve } from 'node:path'

/** The folder, made when it is missing; never one that another user could have put links or files of theirs into. */
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
