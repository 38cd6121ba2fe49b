import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { join } from 'node:path'
import { storeFault } from '../../../contracts/store-fault'
import { sha256 } from '../../../json/sha256'
import { type FileSystem, unless } from '../system'

/** With prefixes and suffixes, longer names are too long for some file systems (143 bytes in eCryptfs). */
const MOST_CHARACTERS = 96

/** Names of devices on Windows, in every folder and with every extension. */
const DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d)(?=\.|$)/

/**
 * The name of the folder for a key. Lower-case letters, digits, `_`, `-` and dots inside stand for themselves. Every
 * other UTF-16 unit becomes `+` and four hexadecimal digits. A long key is hashed.
 *
 * Names have no capital letters, so no two of them are the same where the file system ignores case. None begins with a
 * dot.
 */
export function folderOf(key: string): string {
  const name = key.replace(/[^a-z0-9_.-]|^\.|\.$/g, escaped).replace(DEVICE, escaped)
  // As UTF-16, because half a surrogate pair cannot be encoded in UTF-8.
  return name.length <= MOST_CHARACTERS ? name : `~${sha256(Buffer.from(key, 'utf16le'), 'hex')}`
}

/** Escapes the first unit of a text. The others are safe. */
function escaped(text: string): string {
  return `+${text.charCodeAt(0).toString(16).padStart(4, '0')}${text.slice(1)}`
}

/** One state of a resource: its place in the order of states, and a random part, so that no name is used twice. */
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

/**
 * `head`: this is the current generation. `none`: it is too, and nothing is stored. The others hold what was stored.
 */
type Suffix = 'head' | 'none' | 'json' | 'gone.json' | 'data'

const FILE = /^([1-9]\d{0,14})-([0-9a-f]{16})\.(head|none|json|gone\.json|data)$/

interface Entry extends Generation {
  readonly suffix: Suffix
  readonly name: string
}

/** Parses the name of a file in the folder of a key; `undefined` for other files, such as a backup of an editor. */
export function entryOf(name: string): Entry | undefined {
  const [, count, id, suffix] = FILE.exec(name) ?? []
  return id === undefined ? undefined : { count: Number(count), id, suffix: suffix as Suffix, name }
}

/** The contents of a key's folder, from one look. */
export interface Seen {
  readonly place: string
  /** The current generation. */
  readonly head: Entry
  readonly entries: readonly Entry[]
}

/**
 * How often a folder without a head is looked at again: while a file is renamed, some systems list neither of its
 * names.
 */
const LOOKS = 5

/** `undefined` if the folder does not exist: nothing was ever stored. */
export async function look(files: FileSystem, place: string): Promise<Seen | undefined> {
  const stat = await unless('ENOENT', files.lstat(place))
  if (stat === undefined) return undefined
  if (!stat.isDirectory()) throw storeFault(new Error(`${place} is no folder`), { applied: 'no' })
  for (let looks = 0; looks < LOOKS; looks++) {
    const entries = (await files.readdir(place)).map(entryOf).filter((entry) => entry !== undefined)
    const head = headOf(entries)
    if (head) return { place, head, entries }
  }
  throw storeFault(new Error(`${place} has no head`), { applied: 'no' })
}

/** If one listing shows two heads, the later one counts: it has just replaced the other. */
export function headOf(entries: readonly Entry[]): Entry | undefined {
  const heads = entries.filter(({ suffix }) => suffix === 'head' || suffix === 'none')
  return heads.sort((a, b) => b.count - a.count)[0]
}

/** Where the files of a stored generation are. */
export interface Kept extends Generation {
  readonly gone: boolean
  readonly record: string
  readonly data: string
}

export function keptAt({ place, entries }: Seen, { count, id }: Generation): Kept | undefined {
  const found = entries.find((entry) => entry.count === count && entry.id === id && entry.suffix.endsWith('json'))
  return found && keptIn(place, found, found.suffix)
}

/**
 * Every generation from a count to the head; `undefined` if one is missing, or if a change that lost may be among them.
 */
export function keptBetween({ place, head, entries }: Seen, first: number): Kept[] | undefined {
  if (head.suffix === 'none' || first > head.count) return undefined
  const records = entries.filter(
    ({ count, suffix }) => count >= first && count <= head.count && suffix.endsWith('json'),
  )
  const generations = records.filter(({ count, id }) => count < head.count || id === head.id)
  const kept = generations.sort((a, b) => a.count - b.count).map((each) => keptIn(place, each, each.suffix))
  return kept.length === head.count - first + 1 && kept.every(({ count }, at) => count === first + at)
    ? kept
    : undefined
}

export function keptIn(place: string, { count, id }: Generation, suffix: Suffix): Kept {
  const name = join(place, nameOf({ count, id }))
  return { count, id, gone: suffix === 'gone.json', record: `${name}.${suffix}`, data: `${name}.data` }
}

/**
 * The files that are not needed any more once a generation is the head, whichever process wrote them. A change that has
 * not become the head by then was based on an older one, and will be refused.
 */
export function superseded(
  entries: readonly Entry[],
  head: Generation,
  isRemoved: boolean,
  keepVersions: number,
): Entry[] {
  const oldest = head.count - (isRemoved ? 0 : keepVersions)
  return entries.filter(
    ({ count, id, suffix }) =>
      suffix !== 'head' && suffix !== 'none' && (count < oldest || (count === head.count && id !== head.id)),
  )
}

export interface Text {
  readonly text: string
  readonly modifiedNs: bigint
}

/** `undefined` if the file was removed, because there are newer ones. */
export async function readText(files: FileSystem, path: string): Promise<Text | undefined> {
  // Follows no link, because one that somebody has put there leads out of the folder.
  const handle = await unless('ENOENT', files.open(path, constants.O_RDONLY | constants.O_NOFOLLOW))
  if (handle === undefined) return undefined
  try {
    const { mtimeNs } = await handle.stat({ bigint: true })
    return { text: await handle.readFile('utf8'), modifiedNs: mtimeNs }
  } finally {
    await handle.close()
  }
}
