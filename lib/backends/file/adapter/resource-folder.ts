import { createHash, randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { join } from 'node:path'
import { storeFault } from '../../../contracts/store-fault'
import { type FileSystem, unless } from '../system'

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

/**
 * `head`: this generation is the current one. `none`: it is, and nothing is stored. The others hold what was stored.
 */
type Suffix = 'head' | 'none' | 'json' | 'gone.json' | 'data'

const FILE = /^([1-9]\d{0,14})-([0-9a-f]{16})\.(head|none|json|gone\.json|data)$/

interface Entry extends Generation {
  readonly suffix: Suffix
  readonly name: string
}

/**
 * Parses the name of a file in the folder of a key; `undefined` if it is not one of ours, such as an editor's backup.
 */
export function entryOf(name: string): Entry | undefined {
  const [, count, id, suffix] = FILE.exec(name) ?? []
  return id === undefined ? undefined : { count: Number(count), id, suffix: suffix as Suffix, name }
}

/** What stands in the folder of a key, from one look. */
export interface Seen {
  readonly place: string
  /** The current generation. */
  readonly head: Entry
  readonly entries: readonly Entry[]
}

/**
 * How often a folder without a head is looked at again: some systems list a name neither before nor after its change.
 */
const LOOKS = 5

/** `undefined` when the folder is not there: nothing was ever stored. */
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

/** Of two that one listing saw, the later one: the other was head until it came. */
export function headOf(entries: readonly Entry[]): Entry | undefined {
  const heads = entries.filter(({ suffix }) => suffix === 'head' || suffix === 'none')
  return heads.sort((a, b) => b.count - a.count)[0]
}

/** What was stored at a generation, and where. */
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
 * Every generation from a count to the head; `undefined` where one is missing, or cannot be told from a change that
 * lost.
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
 * The files that are not needed any more once a generation is head, whichever process wrote them. A change that has not
 * become head yet was based on an older head and will be refused.
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

/** `undefined` when it is not there any more, because newer ones are. */
export async function readText(files: FileSystem, path: string): Promise<Text | undefined> {
  // A link that somebody has put there leads out of the folder.
  const handle = await unless('ENOENT', files.open(path, constants.O_RDONLY | constants.O_NOFOLLOW))
  if (handle === undefined) return undefined
  try {
    const { mtimeNs } = await handle.stat({ bigint: true })
    return { text: await handle.readFile('utf8'), modifiedNs: mtimeNs }
  } finally {
    await handle.close()
  }
}
