import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { ResourceState } from '../../../contracts/adapter'
import { storeFault } from '../../../contracts/store-fault'
import { isStoredFile, type StoredFile, storedFile } from '../../../contracts/stored-file'
import { sha256 } from '../../../json/sha256'
import { jsonText, parseJson } from '../../../json/text'
import { type FileSystem, unless } from '../system'
import { type Kept, nameOf, readText, type Text } from './resource-folder'

/** A state, and the parts that it was made from. */
export interface Current<T> {
  readonly state: ResourceState<T> & { readonly lastModified: Date }
  readonly parts: Parts
}

/** The state of a generation; `undefined` if its files were removed after the look at the folder. */
export async function readKept<T>(
  files: FileSystem,
  encoding: Encoding<T>,
  kept: Kept,
): Promise<Current<T> | undefined> {
  const read = await readText(files, kept.record)
  // The file that belongs to the record may be gone by now, too.
  return read && unless('ENOENT', stateOf(encoding, kept, read))
}

/**
 * The state that a record stands for. `source` is where the file that belongs to it is now, before it gets its place.
 *
 * The version depends on the generation and on the contents and dates of its files. So it also changes when somebody
 * edits a file by hand.
 */
export async function stateOf<T>(
  encoding: Encoding<T>,
  kept: Kept,
  { text, modifiedNs }: Text,
  source: string = kept.data,
): Promise<Current<T>> {
  const { value, seal, changedMs } = await given(encoding, text, kept.data, source)
  const hash = sha256(`${modifiedNs} ${seal} ${text}`, 'hex').slice(0, 16)
  // Rounded: a time that was set as seconds with a fraction is read back a little smaller.
  const modifiedMs = Number((modifiedNs + 500_000n) / 1_000_000n)
  const state = {
    value,
    version: `${nameOf(kept)}-${hash}`,
    lastModified: new Date(Math.max(modifiedMs, changedMs ?? modifiedMs)),
  }
  return {
    state: kept.gone ? { ...state, gone: true } : state,
    parts: { text, data: seal === '' ? undefined : kept.data },
  }
}

async function given<T>(encoding: Encoding<T>, text: string, data: string, source: string) {
  try {
    return await encoding.give(text, data, source)
  } catch (cause) {
    // Somebody has edited the file, or is editing it.
    throw cause instanceof SyntaxError
      ? storeFault(new Error('a record is not JSON', { cause }), { applied: 'no' })
      : cause
  }
}

/** How values are kept in files. */
export interface Encoding<T> {
  /** The text of a record, and the path of the file that belongs to it, if any. */
  keep(value: T): Promise<Parts> | Parts
  /** The value of a record. `data` is where the file that belongs to it will be, `source` where it is now. */
  give(text: string, data: string, source: string): Promise<Given<T>> | Given<T>
}

export interface Parts {
  readonly text: string
  readonly data?: string | undefined
}

export interface Given<T> {
  readonly value: T
  /** What the version depends on, besides the text of the record. */
  readonly seal: string
  /** When somebody else changed the file that belongs to the record. */
  readonly changedMs?: number | undefined
}

/** The record is the value. */
export function jsonEncoding<T>(): Encoding<T> {
  return {
    keep: (value) => ({ text: `${jsonText(value, 'fileAdapter()')}\n` }),
    give: (text) => ({ value: parseJson(text, 'fileAdapter()') as T, seal: '' }),
  }
}

type Facts = Pick<StoredFile, 'size' | 'type' | 'digest'>

interface Stamp {
  readonly size: number
  readonly modifiedNs: string
}

/** How many digests of files that somebody else changed are kept. To compute one takes a while. */
const MOST_KNOWN = 100

/** The record describes the file, which lies beside it. */
export function uploadEncoding(files: FileSystem): Encoding<StoredFile> {
  const known = new Map<string, string>()

  async function digestOf(source: string, seal: string): Promise<string> {
    const digest = known.get(`${source} ${seal}`) ?? (await hashed(source))
    if (known.size >= MOST_KNOWN) known.clear()
    known.set(`${source} ${seal}`, digest)
    return digest
  }

  return {
    async keep(value) {
      if (!isStoredFile(value))
        throw new TypeError('uploadAdapter(): the value is no stored file; write what receiveFile() or spool() gave.')
      const { size, type, digest, path } = value
      const handle = await files.open(path, 'r')
      try {
        await handle.sync()
        const { mtimeNs } = await handle.stat({ bigint: true })
        return { text: `${JSON.stringify({ size, type, digest, modifiedNs: String(mtimeNs) })}\n`, data: path }
      } finally {
        await handle.close()
      }
    },

    async give(text, data, source) {
      const { type, ...noted } = JSON.parse(text) as Facts & Stamp
      const { size, mtimeNs, ino } = await files.lstat(source, { bigint: true })
      const seal = `${size} ${mtimeNs} ${ino}`
      const facts = { size: Number(size), type }
      if (noted.size === facts.size && noted.modifiedNs === String(mtimeNs))
        return { value: fileAt(data, { ...facts, digest: noted.digest }), seal }
      const digest = await digestOf(source, seal)
      return { value: fileAt(data, { ...facts, digest }), seal, changedMs: Number(mtimeNs / 1_000_000n) }
    },
  }
}

export function fileAt(path: string, facts: Facts): StoredFile {
  return storedFile(facts, { path, open: (range) => createReadStream(path, range) })
}

async function hashed(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return `sha-256=:${hash.digest('base64')}:`
}
