import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeWith, ownName } from '../services'
import { arriveTogether, killAtEachStep, tables } from './duplicates'
import { notesOf } from './notes'

jest.setTimeout(120_000)

const ONCE = { runs: 1, others: 0, bodies: 1 }
const folder = mkdtempSync(join(tmpdir(), 'idempotency-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('of duplicates that arrive at once one is carried out', () => {
  const RULE = 'three processes, 90 requests'

  test(`memory: one process, 90 requests`, async () => {
    expect(await arriveTogether('memory', '', '', 1, 90)).toMatchObject(ONCE)
  })

  test(`files: ${RULE}`, async () => {
    expect(await arriveTogether('file', join(folder, 'records'), '', 3, 90)).toMatchObject(ONCE)
  })

  describeWith('Redis', 'Redis', (url) => {
    test(RULE, async () => {
      expect(await arriveTogether('redis', url, ownName('once'), 3, 90)).toMatchObject(ONCE)
    })
  })

  for (const [service, type] of [
    ['PostgreSQL', 'postgres'],
    ['MariaDB', 'mysql'],
    ['SQLite', 'sqlite'],
  ] as const) {
    describeWith(service, service, (url) => {
      test(RULE, async () => {
        const at = type === 'sqlite' ? join(folder, 'once.db') : url
        const name = ownName('once')
        const opened = await tables(type, at, name)
        try {
          expect(await arriveTogether(type, at, name, 3, 90)).toMatchObject(ONCE)
        } finally {
          await opened.close()
        }
      })
    })
  }
})

describe('a process that is killed in the middle of a change: no change without its record, none twice', () => {
  for (const [service, type] of [
    ['PostgreSQL', 'postgres'],
    ['SQLite', 'sqlite'],
  ] as const) {
    describeWith(service, service, (url) => {
      test('at each step of it', async () => {
        const at = type === 'sqlite' ? join(folder, 'killed.db') : url
        const name = ownName('killed')
        const opened = await tables(type, at, name)
        try {
          const seen = await killAtEachStep(type, at, name, (title) => notesOf(opened.client, name, title))
          expect(seen).toMatchObject({ lost: 0, twice: 0, unanswered: 0 })
          expect(seen.kills).toBeGreaterThan(4)
          expect(seen.foundDone).toBeGreaterThan(0)
          expect(seen.ranAgain).toBeGreaterThan(0)
        } finally {
          await opened.close()
        }
      })
    })
  }
})
