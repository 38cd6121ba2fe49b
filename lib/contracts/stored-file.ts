import type { Readable } from 'node:stream'
import type { ResourceAdapter } from './adapter'

const BRAND = Symbol.for('express-conflict.stored-file')

/** A file as a value: its members describe it, and `open` reads its bytes. */
export interface StoredFile {
  readonly size: number
  /** The media type with which it was sent. */
  readonly type: string
  /** The SHA-256 digest of its bytes in the form of RFC 9530: `sha-256=:…:`. */
  readonly digest: string
  /** Reads the file, or its bytes from `start` to `end`, both included. Not a member in JSON. */
  open(range?: { readonly start?: number; readonly end?: number }): Readable
  /** The path of the file, valid as long as this version is kept. Not a member in JSON. */
  readonly path: string
}

/** A file that is being received on the disk where it will be stored. */
export interface Spool {
  /** Writes a chunk. Wait for it before you write the next one. */
  write(chunk: Uint8Array): Promise<void>
  /** Returns the received file as a value to write. It stays in the spool until it is discarded. */
  finish(type: string): Promise<StoredFile>
  /** Deletes what was received. What was written to the adapter stays. */
  discard(): Promise<void>
}

/** An adapter that stores files, and has a place to receive them. */
export interface FileReceiver extends ResourceAdapter<StoredFile> {
  spool(): Promise<Spool>
}

/**
 * Makes a value whose `open` and `path` are not enumerable, so files with the same bytes and type are equal as JSON.
 */
export function storedFile(
  { size, type, digest }: Pick<StoredFile, 'size' | 'type' | 'digest'>,
  { path, open }: Pick<StoredFile, 'path' | 'open'>,
): StoredFile {
  const hidden = { path: { value: path }, open: { value: open }, [BRAND]: { value: true } }
  return Object.defineProperties({ size, type, digest }, hidden) as StoredFile
}

/** Checked by brand, because two copies of this package may be loaded. */
export function isStoredFile(value: unknown): value is StoredFile {
  return typeof value === 'object' && value !== null && BRAND in value
}
