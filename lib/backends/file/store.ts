import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { ExpiringStore } from '../../contracts/store'
import { storeFault } from '../../contracts/store-fault'
import { refuseUnknown } from '../../options'
import { keyHash } from '../records/stored-form'
import { createNext, newestIn } from './generations'
import { ownFolder, uptimeMs } from './system'

/** Where the records are. */
export interface FileStoreOptions {
  /** A folder on a local disk, which no other user can write to. It is created if it is missing. */
  readonly folder: string
}

/** A draft this old was left by a process that ended before it could name the draft. */
const DRAFT_MS = 600_000

/**
 * Keeps records in files, for the processes of one machine. Records are spread over 256 folders by the hash of their
 * keys. Each change writes all live records of its folder to the next file, so this is for thousands of records, not
 * for millions.
 */
export function fileStore(options: FileStoreOptions): ExpiringStore {
  refuseUnknown('fileStore()', options, ['folder'])
  const root = ownFolder(options.folder, 'fileStore()')
  const drafts = ownFolder(join(root, 'drafts'), 'fileStore()')
  const format = recordFormat()
  clearDrafts(drafts)

  /** Changes the record if `decide` says so. It starts again when another change of the folder came in between. */
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

/** A record, and when it ends. The uptime counts while the machine runs; after a restart, the time of day does. */
interface KeptRecord {
  readonly value: string
  readonly started: string
  readonly untilUptimeMs: number
  readonly untilMs: number
}

/** Records by the hash of their keys. */
type Records = ReadonlyMap<string, KeptRecord>

/** Identifies the current start of the machine. If it cannot be read, the time of day decides. */
const STARTED = { path: '/proc/sys/kernel/random/boot_id', unknown: '' }

interface RecordFormat {
  /** The records of a text that have not expired. */
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
