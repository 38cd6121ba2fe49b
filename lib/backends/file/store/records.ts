import { readFileSync } from 'node:fs'
import { uptimeMs } from '../system'

/** A record, and when it ends: by the clock of this start of the machine, and by the time of day for after another one. */
export interface KeptRecord {
  readonly value: string
  readonly started: string
  readonly untilUptimeMs: number
  readonly untilMs: number
}

/** Records by the hash of their keys. */
export type Records = ReadonlyMap<string, KeptRecord>

/** Tells this start of the machine from others; where nothing tells it, the time of day has to do. */
const STARTED = { path: '/proc/sys/kernel/random/boot_id', unknown: '' }

export interface RecordFormat {
  /** What is alive of a text. */
  parse(text: string | undefined): Map<string, KeptRecord>
  print(records: Records): string
  record(value: string, ttlMs: number): KeptRecord
}

export function recordFormat(): RecordFormat {
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
