import type { Abilities } from '../../lib/testing'

/** What an adapter says of itself: to the kit, which holds it to that, and in the table of docs/adapters.md. */
export interface Declared {
  readonly always: Required<Abilities>
  /** Abilities that an option gives. */
  readonly byOption: Readonly<Partial<Record<keyof Abilities, string>>>
  readonly values: string
  readonly processes: string
}

const ALL_CAN = { remove: true, create: false, tombstones: false, transaction: false, readVersion: false }

export const ADAPTERS = {
  memoryAdapter: {
    always: { ...ALL_CAN, lastModified: true, transaction: true, contentVersions: false },
    byOption: { tombstones: '`tombstones`', readVersion: '`history`' },
    values: 'any JSON',
    processes: 'one',
  },
  sqlAdapter: {
    always: { ...ALL_CAN, lastModified: false, transaction: true, contentVersions: false },
    byOption: {
      create: '`generatedKeys`',
      tombstones: '`softDelete`',
      lastModified: '`lastModified`',
      readVersion: '`history`',
      contentVersions: '`version: false`',
    },
    values: 'any JSON, or columns',
    processes: 'any',
  },
  prismaAdapter: {
    always: { ...ALL_CAN, lastModified: false, contentVersions: false },
    byOption: { create: '`generatedKeys`', tombstones: '`softDelete`', lastModified: '`lastModified`' },
    values: 'any JSON, or fields',
    processes: 'any',
  },
  mongoAdapter: {
    always: { ...ALL_CAN, lastModified: false, contentVersions: false },
    byOption: {
      tombstones: '`softDelete`',
      lastModified: '`lastModified`',
      transaction: '`client`',
      readVersion: '`history`',
    },
    values: 'JSON objects',
    processes: 'any',
  },
  redisAdapter: {
    always: { ...ALL_CAN, lastModified: true, contentVersions: false },
    byOption: { tombstones: '`tombstones`' },
    values: 'any JSON',
    processes: 'any',
  },
  fileAdapter: {
    always: { ...ALL_CAN, lastModified: true, readVersion: true, contentVersions: false },
    byOption: { tombstones: '`tombstones`' },
    values: 'any JSON',
    processes: 'of one machine',
  },
  uploadAdapter: {
    always: { ...ALL_CAN, lastModified: true, readVersion: true, contentVersions: false },
    byOption: { tombstones: '`tombstones`' },
    values: 'files',
    processes: 'of one machine',
  },
} as const satisfies Readonly<Record<string, Declared>>

export function abilitiesOf(name: keyof typeof ADAPTERS, more: Partial<Abilities> = {}): Abilities {
  return { ...ADAPTERS[name].always, ...more }
}

const MEANINGS: Readonly<Record<keyof Abilities, string>> = {
  remove: '`remove`',
  create: '`create`: the store gives the key',
  tombstones: 'tombstones: 410',
  lastModified: '`lastModified`',
  transaction: '`transaction`',
  readVersion: '`readVersion`: old versions',
  contentVersions: 'versions come back with their state',
}

/** The table of docs/adapters.md: adapter × ability. */
export function abilityTable(): string {
  const adapters: readonly (readonly [string, Declared])[] = Object.entries(ADAPTERS)
  const cell = ({ always, byOption }: Declared, ability: keyof Abilities) => {
    const option = byOption[ability]
    return always[ability] ? 'yes' : option ? `with ${option}` : '–'
  }
  const abilities = Object.entries(MEANINGS) as [keyof Abilities, string][]
  const rows = [
    ['', ...adapters.map(([name]) => `\`${name}\``)],
    ['values', ...adapters.map(([, { values }]) => values)],
    ['processes that may share it', ...adapters.map(([, { processes }]) => processes)],
    ...abilities.map(([ability, text]) => [text, ...adapters.map(([, declared]) => cell(declared, ability))]),
  ]
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[], fill = ' ') =>
    `| ${row.map((text, column) => text.padEnd(widths[column] ?? 0, fill)).join(' | ')} |`
  const [head = [], ...body] = rows
  return [
    line(head),
    line(
      head.map(() => ''),
      '-',
    ),
    ...body.map((row) => line(row)),
  ].join('\n')
}
