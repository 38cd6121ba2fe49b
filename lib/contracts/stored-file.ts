import type { Readable } from 'node:stream'
import type { ResourceAdapter } from './adapter'

const BRAND = Symbol.for('express-conflict.stored-file')

/** A file as a value: what it is stands in its members, what it holds is read from `open`. */
export interface StoredFile {
  readonly size: number
  /** The media type that it was sent with. */
  readonly type: string
  /** The SHA-256 of its bytes as RFC 9530 writes it: `sha-256=:…:`. */
  readonly digest: string
  /** Reads it, or the bytes from `start` to `end`, both included. Not a member for JSON. */
  open(range?: { readonly start?: number; readonly end?: number }): Readable
  /** Where it lies while this version of it is kept. Not a member for JSON. */
  readonly path: string
}

/** A file that is being received, beside where it will be stored. */
export interface Spool {
  /** One chunk after the other: the next one only when this one resolved. */
  write(chunk: Uint8Array): Promise<void>
  /** What was received, as a value to write. It lies in the spool until it is discarded. */
  finish(type: string): Promise<StoredFile>
  /** Takes away what was received. What was written to the adapter stays. */
  discard(): Promise<void>
}

/** Stores files, and has a place to receive them. */
export interface FileReceiver extends ResourceAdapter<StoredFile> {
  spool(): Promise<Spool>
}

/** A value whose `open` and `path` are no members: files with the same bytes of the same type are the same JSON. */
export function storedFile(
  { size, type, digest }: Pick<StoredFile, 'size' | 'type' | 'digest'>,
  { path, open }: Pick<StoredFile, 'path' | 'open'>,
): StoredFile {
  const hidden = { path: { value: path }, open: { value: open }, [BRAND]: { value: true } }
  return Object.defineProperties({ size, type, digest }, hidden) as StoredFile
}

/** Known by brand: two copies of this package may be loaded. */
export function isStoredFile(value: unknown): value is StoredFile {
  return typeof value === 'object' && value !== null && BRAND in value
}
