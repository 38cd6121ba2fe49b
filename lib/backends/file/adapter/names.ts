import { createHash, randomBytes } from 'node:crypto'

/** Files of more than this, with what stands around it, are too long for some file systems (eCryptfs: 143 bytes). */
const MOST_CHARACTERS = 96

/** What is a device on Windows, in every folder and with every extension. */
const DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d)(?=\.|$)/

/**
 * The name of the folder for a key. It says the key where that is safe: small letters, digits, `_`, `-` and dots in
 * between stand for themselves, every other UTF-16 unit for `+` and four hex digits. A long key is hashed.
 *
 * No name has a capital letter, so no two of them meet where the file system folds case, and none begins with a dot.
 */
export function folderOf(key: string): string {
  const name = key.replace(/[^a-z0-9_.-]|^\.|\.$/g, escaped).replace(DEVICE, escaped)
  // As UTF-16, for half a surrogate pair has no form in UTF-8.
  return name.length <= MOST_CHARACTERS
    ? name
    : `~${createHash('sha256').update(Buffer.from(key, 'utf16le')).digest('hex')}`
}

/** The first unit of a text, for the others are safe. */
function escaped(text: string): string {
  return `+${text.charCodeAt(0).toString(16).padStart(4, '0')}${text.slice(1)}`
}

/** One state that a resource was in: its place in their order, and a random part, so that it is never used twice. */
export interface Generation {
  readonly count: number
  readonly id: string
}

export function nextGeneration(before: Generation | undefined): Generation {
  return { count: (before?.count ?? 0) + 1, id: randomBytes(8).toString('hex') }
}

export function nameOf({ count, id }: Generation): string {
  return `${count}-${id}`
}

/** `head`: this generation is the current one. `none`: it is, and nothing is stored. The others hold what was stored. */
export type Suffix = 'head' | 'none' | 'json' | 'gone.json' | 'data'

const FILE = /^([1-9]\d{0,14})-([0-9a-f]{16})\.(head|none|json|gone\.json|data)$/

export interface Entry extends Generation {
  readonly suffix: Suffix
  readonly name: string
}

/** What a name in the folder of a key stands for; `undefined` for what is none of ours, such as an editor's backup. */
export function entryOf(name: string): Entry | undefined {
  const [, count, id, suffix] = FILE.exec(name) ?? []
  return id === undefined ? undefined : { count: Number(count), id, suffix: suffix as Suffix, name }
}
