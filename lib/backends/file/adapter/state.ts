import { createHash } from 'node:crypto'
import type { ResourceState } from '../../../contracts/adapter'
import { storeFault } from '../../../contracts/store-fault'
import type { FileSystem } from '../system'
import { unless } from '../system'
import type { Encoding, Parts } from './encoding'
import { type Kept, nameOf, readText, type Text } from './resource-folder'

/** A state, and what it is made of. */
export interface Current<T> {
  readonly state: ResourceState<T> & { readonly lastModified: Date }
  readonly parts: Parts
}

/** What is kept of a generation; `undefined` when it was taken away since the folder was looked at. */
export async function readKept<T>(
  files: FileSystem,
  encoding: Encoding<T>,
  kept: Kept,
): Promise<Current<T> | undefined> {
  const read = await readText(files, kept.record)
  // The file that goes with it may be gone by now, too.
  return read && unless('ENOENT', stateOf(encoding, kept, read))
}

/**
 * `source` is where the file that goes with it lies now, before it is put where it belongs.
 *
 * The version is made from the generation and from the bytes and dates of its files, so a change behind our back
 * changes the version too.
 */
export async function stateOf<T>(
  encoding: Encoding<T>,
  kept: Kept,
  { text, modifiedNs }: Text,
  source: string = kept.data,
): Promise<Current<T>> {
  const { value, seal, changedMs } = await given(encoding, text, kept.data, source)
  const hash = createHash('sha256').update(`${modifiedNs} ${seal} ${text}`).digest('hex').slice(0, 16)
  // Half a millisecond: what was set as seconds with a fraction comes back a little less.
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
    // Somebody has edited it, or is at it.
    throw cause instanceof SyntaxError
      ? storeFault(new Error('a record is not JSON', { cause }), { applied: 'no' })
      : cause
  }
}
