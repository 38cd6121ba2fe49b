import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CODES, MONGO, MYSQL, NAMES, SQLITE, SQLSTATES } from '../../lib/conflicts/store-error-codes'
import { recogniseStoreError } from '../../lib/conflicts/store-errors'
import { ROOT } from '../sources'

const page = readFileSync(join(ROOT, 'docs/database-errors.md'), 'utf8')

/** The rows of the table below a heading: a kind, and its codes. */
function rowsUnder(heading: string): Array<readonly [kind: string, codes: string]> {
  const [, part = ''] = page.split(new RegExp(`^### ${heading}$`, 'm'))
  const [own = ''] = part.split(/^#/m)
  return [...own.matchAll(/^\| `([a-z-]+)` +\| (.+?) +\|$/gm)].map(
    ([, kind = '', codes = '']) => [kind, codes.replaceAll('`', '')] as const,
  )
}

const thrown = (fields: object) => Object.assign(new Error('x'), fields)

/** What a driver throws for a code of each table. Of a class, a code of it that nobody has. */
const TABLES = [
  [
    'PostgreSQL',
    SQLSTATES,
    (code: string) => thrown({ severity: 'ERROR', code: code.length === 2 ? `${code}ZZ9` : code }),
  ],
  ['MySQL and MariaDB', MYSQL, (code: string) => thrown({ errno: Number(code), sqlState: 'HY000', code: 'ER_X' })],
  ['SQLite', SQLITE, (code: string) => thrown({ code: 'ERR_SQLITE_ERROR', errcode: Number(code) })],
  ['MongoDB', MONGO, (code: string) => thrown({ name: 'MongoServerError', code: Number(code) })],
  ['Prisma, drivers and Node', CODES, (code: string) => thrown({ code })],
  ['Names', NAMES, (name: string) => thrown({ name })],
] as const

describe.each(TABLES)('docs/database-errors.md, %s', (heading, codes, make) => {
  const rows = rowsUnder(heading)

  test('has the codes that the library has, and no others', () => {
    expect(Object.fromEntries(rows)).toEqual(codes)
  })

  test('no code stands there twice', () => {
    const all = rows.flatMap(([, each]) => each.split(' '))
    expect(all.filter((code, index) => all.indexOf(code) !== index)).toEqual([])
  })

  test.each(rows.flatMap(([kind, each]) => each.split(' ').map((code) => [code, kind] as const)))(
    '%s is recognised as %s',
    (code, kind) => {
      expect(recogniseStoreError(make(code))?.kind).toBe(kind)
    },
  )
})

/** PostgreSQL 17, appendix A: https://www.postgresql.org/docs/17/errcodes-appendix.html */
const CLASSES =
  '02 03 08 09 0A 0B 0F 0L 0P 0Z 10 20 21 22 23 24 25 26 27 28 2B 2D 2F 34 38 39 3B 3D 3F 40 42 44 53 54 55 57 58 72 F0 HV P0 XX'

test('every class of SQLSTATE that is an error is in the table', () => {
  const known = Object.values(SQLSTATES).join(' ').split(' ')
  expect(CLASSES.split(' ').filter((each) => !known.includes(each))).toEqual([])
})

/** https://www.sqlite.org/rescode.html, but for OK, NOTICE, WARNING, ROW and DONE. */
test('every primary result code of SQLite is in the table', () => {
  const known = Object.values(SQLITE).join(' ').split(' ')
  expect(Array.from({ length: 26 }, (_, index) => String(index + 1)).filter((each) => !known.includes(each))).toEqual(
    [],
  )
})
