import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { ExpiringStore } from '../../contracts/store'
import { storeFault } from '../../contracts/store-fault'
import { refuseUnknown } from '../../options'
import { keyHash } from '../records/stored-form'
import { createNext, newestIn } from './store-generations'
import { ownFolder, uptimeMs } from './system'

/** Where the records are. */
export interface FileStoreOptions {
  /** A folder on a disk of this machine, which no other user can write to. It is made when it is missing. */
  readonly folder: string
}

/** The process that wrote a draft this old without naming it has ended. */
const DRAFT_MS = 600_000

/**
 * Keeps records in files, for the processes of one machine. Records are spread over 256 folders by the hash of their keys;
 * a change writes all records of its folder that are alive into the next file. For some thousands of records, not for millions.
 */
export function fileStore(options: FileStoreOptions): ExpiringStore {
  refuseUnknown('fileStore()', options, ['folder'])
  const root = ownFolder(options.folder, 'fileStore()')
  const drafts = ownFolder(join(root, 'drafts'), 'fileStore()')
  const format = recordFormat()
  clearDrafts(drafts)

  /** Changes the record if `decide` says so, again when another change of the folder came between. */
  async function change(key: string, decide: (stored: KeptRecord | undefined) => KeptRecord | 'remove' | 'refuse') {
    const name = keyHash(key)
    const place = join(root, name.slice(0, 2))
    for (;;) {
      const seen = await newestIn(place)
      const records = format.parse(seen.text)
      const next = decide(records.get(name))
      if (next === 'refuse') return false
      if (next === 'remove') records.delete(name)
      else records.set(name, next)
      if (await createNext(place, drafts, seen, format.print(records))) return true
    }
  }

  return {
    async read(key) {
      const name = keyHash(key)
      const { text } = await orFault('no', newestIn(join(root, name.slice(0, 2))))
      return format.parse(text).get(name)?.value
    },
    create: (key, value, ttlMs) =>
      orFault(
        'unknown',
        change(key, (stored) => (stored ? 'refuse' : format.record(value, ttlMs))),
      ),
    replace: (key, expected, value, ttlMs) =>
      orFault(
        'unknown',
        change(key, (stored) => (stored?.value === expected ? format.record(value, ttlMs) : 'refuse')),
      ),
    remove: (key, expected) =>
      orFault(
        'unknown',
        change(key, (stored) => (stored?.value === expected ? 'remove' : 'refuse')),
      ),
  }
}

function orFault<R>(applied: 'no' | 'unknown', work: Promise<R>): Promise<R> {
  return work.catch((cause: unknown) => Promise.reject(storeFault(cause, { applied })))
}

function clearDrafts(drafts: string): void {
  for (const name of readdirSync(drafts)) {
    const draft = join(drafts, name)
    const seen = statSync(draft, { throwIfNoEntry: false })
    if (seen && Date.now() - seen.ctimeMs > DRAFT_MS) rmSync(draft, { force: true })
  }
}

/** A record, and when it ends: by the clock of this start of the machine, and by the time of day for after another one. */
interface KeptRecord {
  readonly value: string
  readonly started: string
  readonly untilUptimeMs: number
  readonly untilMs: number
}

/** Records by the hash of their keys. */
type Records = ReadonlyMap<string, KeptRecord>

/** Tells this start of the machine from others; where nothing tells it, the time of day has to do. */
const STARTED = { path: '/proc/sys/kernel/random/boot_id', unknown: '' }

interface RecordFormat {
  /** What is alive of a text. */
  parse(text: string | undefined): Map<string, KeptRecord>
  print(records: Records): string
  record(value: string, ttlMs: number): KeptRecord
}

function recordFormat(): RecordFormat {
  const started = startOfMachine()
  const isAlive = (record: KeptRecord) =>
    started !== STARTED.unknown && record.started === started
      ? uptimeMs() < record.untilUptimeMs
      : Date.now() < record.untilMs

  return {
    parse(text) {
      if (text === undefined) return new Map()
      const records = Object.entries(JSON.parse(text) as Record<string, KeptRecord>)
      return new Map(records.filter(([, record]) => isAlive(record)))
    },
    print: (records) => JSON.stringify(Object.fromEntries(records)),
    record: (value, ttlMs) => ({
      value,
      started,
      untilUptimeMs: uptimeMs() + ttlMs,
      untilMs: Date.now() + ttlMs,
    }),
  }
}

function startOfMachine(): string {
  try {
    return readFileSync(STARTED.path, 'utf8').trim()
  } catch {
    return STARTED.unknown
  }
}
