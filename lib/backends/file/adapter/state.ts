import { createHash } from 'node:crypto'
import type { ResourceState } from '../../../contracts/adapter'
import { storeFault } from '../../../contracts/store-fault'
import type { FileSystem } from '../system'
import { unless } from '../system'
import type { Encoding, Parts } from './encoding'
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
  const hash = createHash('sha256').update(`${modifiedNs} ${seal} ${text}`).digest('hex').slice(0, 16)
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
