import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type SqlDialect, sqlAdapter } from '../../../lib/backends/sql'
import type { SqlColumnType } from '../../../lib/backends/sql/adapter/column-content'
import { describeWith, ownName } from '../../services'
import { type Opened, SQL_SERVERS } from './servers'

/** Contents of each type, as literals of SQL. A type of the catalogue that is not here fails. */
const SAMPLES: Readonly<Record<SqlDialect, Readonly<Record<string, readonly string[]>>>> = {
  postgres: {
    aclitem: ["'postgres=r/postgres'"],
    bit: ["'1'"],
    bool: ['true', 'false'],
    box: ["'(1,2),(3,4)'"],
    bpchar: ["'x'"],
    bytea: ["'\\x00ff'", "'\\x'"],
    char: ["'x'"],
    cid: ["'7'"],
    cidr: ["'10.0.0.0/8'"],
    circle: ["'<(1,2),3>'"],
    date: ["'2020-02-29'", "'infinity'", "'-infinity'", "'0044-03-15 BC'", "'12020-01-01'"],
    datemultirange: ["'{[2020-01-01,2020-02-01)}'"],
    daterange: ["'[2020-01-01,2020-02-01)'", "'empty'"],
    float4: ["'1.1'", "'16777216'", "'NaN'", "'-Infinity'"],
    float8: ["'0.1'", "'1e300'", "'NaN'", "'Infinity'", "'9007199254740993'"],
    gtsvector: [],
    inet: ["'10.0.0.1/8'"],
    int2: ['-32768'],
    int2vector: ["'1 2'"],
    int4: ['2147483647'],
    int4multirange: ["'{[1,3)}'"],
    int4range: ["'[1,3)'"],
    int8: ['5', '9223372036854775807'],
    int8multirange: ["'{[1,3)}'"],
    int8range: ["'[1,3)'"],
    interval: ["'1 year 2 days 03:04:05.678901'"],
    json: [`'{"b": 1, "a": [1.50]}'`, `'"text"'`, "'5'", "' null '"],
    jsonb: [`'{"a": [1.50]}'`, `'"text"'`, "'5'", "'null'", 'null'],
    jsonpath: ["'$.a'"],
    line: ["'{1,2,3}'"],
    lseg: ["'[(1,2),(3,4)]'"],
    macaddr: ["'08:00:2b:01:02:03'"],
    macaddr8: ["'08:00:2b:01:02:03:04:05'"],
    money: ['1.5::money'],
    name: ["'x'"],
    numeric: ["'0.12345678901234567890123'", "'1.50'", "'NaN'"],
    nummultirange: ["'{[1.5,3)}'"],
    numrange: ["'[1.50,3)'"],
    oid: ['7', '4294967295'],
    oidvector: ["'1 2'"],
    path: ["'[(1,2),(3,4)]'"],
    pg_brin_bloom_summary: [],
    pg_brin_minmax_multi_summary: [],
    pg_dependencies: [],
    pg_lsn: ["'16/B374D848'"],
    pg_mcv_list: [],
    pg_ndistinct: [],
    pg_node_tree: [],
    pg_snapshot: ["'10:20:10,14,15'"],
    point: ["'(1.1,2)'"],
    polygon: ["'((1,2),(3,4))'"],
    refcursor: ["'x'"],
    regclass: ["'pg_class'"],
    regcollation: [`'"C"'`],
    regconfig: ["'english'"],
    regdictionary: ["'simple'"],
    regnamespace: ["'public'"],
    regoper: [],
    regoperator: ["'+(int4,int4)'"],
    regproc: ["'now'"],
    regprocedure: ["'now()'"],
    regrole: ["'postgres'"],
    regtype: ["'integer'"],
    text: ["''", "'5'", "'{a}'", "'2020-01-01'"],
    tid: ["'(1,2)'"],
    time: ["'12:34:56.789012'"],
    timestamp: ["'2020-01-01 12:34:56.789012'", "'infinity'"],
    timestamptz: ["'2020-01-01 12:34:56.789012+02'", "'-infinity'", "'0044-03-15 12:00:00+00 BC'"],
    timetz: ["'12:34:56.789012+02'"],
    tsmultirange: ["'{[2020-01-01,2020-02-01)}'"],
    tsquery: ["'a & b'"],
    tsrange: ["'[2020-01-01,2020-02-01)'"],
    tstzmultirange: ["'{[2020-01-01,2020-02-01)}'"],
    tstzrange: ["'[2020-01-01,2020-02-01)'"],
    tsvector: ["'a b'"],
    txid_snapshot: ["'10:20:10,14,15'"],
    uuid: ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"],
    varbit: ["'101'"],
    varchar: ["'x '"],
    xid: ["'7'"],
    xid8: ["'18446744073709551615'"],
    xml: ["'<a/>'"],
  },
  mysql: {
    tinyint: ['-128'],
    'tinyint(1)': ['1', '0'],
    'tinyint unsigned': ['255'],
    smallint: ['-32768'],
    mediumint: ['-8388608'],
    int: ['2147483647'],
    'int(5) unsigned zerofill': ['7'],
    bigint: ['5', '9223372036854775807'],
    'bigint unsigned': ['18446744073709551615'],
    'decimal(65,30)': ["'12345678901234567890.123456789012345678901234567890'"],
    float: ['1.1', '16777216'],
    double: ['0.1', '1e300', '9007199254740992'],
    'bit(1)': ["b'1'", "b'0'"],
    'bit(8)': ["b'00000101'", "b'11111111'"],
    date: ["'2020-02-29'"],
    datetime: ["'2020-01-01 12:34:56'"],
    'datetime(3)': ["'2020-01-01 12:34:56.789'"],
    'datetime(6)': ["'2020-01-01 12:34:56.789012'"],
    timestamp: ["'2020-01-01 12:34:56'"],
    'timestamp(6)': ["'2020-01-01 12:34:56.789012'"],
    time: ["'-838:59:59'"],
    'time(6)': ["'12:34:56.789012'"],
    year: ['2020'],
    'char(3)': ["'x'"],
    'varchar(9)': ["'x '", "'🙂'"],
    'varchar(9) character set latin1': ["'é'"],
    'binary(3)': ["'x'"],
    'varbinary(9)': ["'x'", "x'00ff'"],
    tinyblob: ["x'ff'"],
    blob: ["x'00ff'", "'x'"],
    mediumblob: ["x'ff'"],
    longblob: ["x'ff'"],
    tinytext: ["'x'"],
    text: ["'5'"],
    mediumtext: ["'x'"],
    longtext: ["'x'"],
    json: [`'{"b": 1, "a": [1.50]}'`, `'"text"'`, "' null '"],
    "enum('a','b')": ["'a'"],
    "set('a','b')": ["'a,b'", "''"],
    uuid: ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"],
    inet6: ["'2001:db8::ff00:42:8329'"],
    inet4: ["'10.0.0.1'"],
    geometry: ['point(1, 2)'],
    point: ['point(1, 2)'],
    linestring: ['linestring(point(1, 2), point(3, 4))'],
    polygon: ["polygonfromtext('polygon((0 0,1 0,1 1,0 0))')"],
    multipoint: ["multipointfromtext('multipoint(1 1,2 2)')"],
    multilinestring: ["multilinestringfromtext('multilinestring((1 1,2 2))')"],
    multipolygon: ["multipolygonfromtext('multipolygon(((0 0,1 0,1 1,0 0)))')"],
    geometrycollection: ["geometrycollectionfromtext('geometrycollection(point(1 1))')"],
  },
  sqlite: {
    integer: ['5', '9223372036854775807', '-9223372036854775808'],
    real: ['5.0', '0.1', '1e300', '9e999'],
    text: ["''", "'5'", "'5.0'"],
    blob: ["x'00ff'", "'x'", '5', '5.5'],
    numeric: ['5', '5.5', "'x'", "'9007199254740993'"],
    boolean: ['1', '0'],
    datetime: ["'2020-01-01 12:34:56'"],
    'decimal(10,2)': ['1.5'],
    json: [`'{"a": 1}'`, "' null '"],
    '': ['5', '5.5', "'5'", 'null'],
  },
}

/** Types that people make, and forms of those above. `$t` is a prefix of the test's own. */
const FURTHER: Readonly<Record<SqlDialect, ReadonlyArray<readonly [type: string, sample: string, before?: string]>>> = {
  postgres: [
    ['$t_mood', "'a'", "create type $t_mood as enum ('a')"],
    ['$t_moods[]', "'{a,NULL}'", "create type $t_moods as enum ('a')"],
    ['$t_pair', `'(1,"a b")'`, 'create type $t_pair as (a int, b text)'],
    ['$t_range', "'[1.5,2)'", 'create type $t_range as range (subtype = float8)'],
    ['$t_text', "'abc'", 'create domain $t_text as text check (length(value) < 10)'],
    ['$t_time', "'2020-01-01 00:00:00.123456'", 'create domain $t_time as timestamp'],
    ['$t_json', `'{"a": 1}'`, 'create domain $t_json as jsonb'],
    ['$t_list', "'{1,2}'", 'create domain $t_list as int[]'],
    ['citext', "'AbC'", 'create extension if not exists citext'],
    ['hstore', `'"a"=>"1","b"=>NULL'`, 'create extension if not exists hstore'],
    ['char(5)', "'a'"],
    ['bit(4)', "'1010'"],
    ['numeric(6,2)', "'1.5'"],
    ['interval(3)', "'1.5 seconds'"],
    ['time(3)', "'12:00:00.5'"],
  ],
  mysql: [
    ['date', "'0000-00-00'"],
    ['date', "'2020-00-00'"],
    ['date', "'0050-01-01'"],
    ['datetime', "'0000-00-00 00:00:00'"],
    ['year', '0'],
    ['bit(64)', `b'${'1'.repeat(64)}'`],
    ['tinyint(1)', '5'],
    ['char(5) character set utf16', "'é'"],
    ['varchar(50) compressed', "'abc'"],
    ['float(7,3)', '1.123'],
    ['double(10,2)', '1.12'],
    ['bigint zerofill', '7'],
    ['int invisible default 5', '6'],
    ['int as (5) persistent', 'default'],
  ],
  sqlite: [
    ['charint', "'5'"],
    ['string', "'abc'"],
    ['uuid', "'a'"],
    ['text collate nocase', "'A'"],
    ['integer', "'abc'"],
    ['datetime', '2458849.5'],
    ['date', "'2020-01-01'"],
    ['int as (5)', ''],
  ],
}

/** Types that take no content, or whose content nobody can write down. */
const CLOSED = new Set(
  'gtsvector pg_brin_bloom_summary pg_brin_minmax_multi_summary pg_dependencies pg_mcv_list pg_ndistinct pg_node_tree regoper'.split(
    ' ',
  ),
)

const WAY_OUT = /^sqlAdapter\(\): .*say \{ type: '(\w+)' \}/
const LEFT_OUT = /^sqlAdapter\(\): .*leave it out|leave out type/

for (const server of SQL_SERVERS) {
  describeWith(server.service, `columns of every type of ${server.service}`, (url) => {
    const { dialect } = server
    const samples = SAMPLES[dialect]
    const folder = mkdtempSync(join(tmpdir(), 'express-conflict-'))
    let one: Opened
    let number = 0
    const tables: string[] = []
    const made: string[] = []
    beforeAll(() => {
      one = server.open(dialect === 'sqlite' ? join(folder, 'test.db') : url)
    })
    afterAll(async () => {
      for (const table of tables) await one.run(`drop table ${table}`)
      for (const before of made) await one.run(before.replace(/^create (type|domain) (\S+) .*/, 'drop $1 $2'))
      await one.close()
      rmSync(folder, { recursive: true })
    })

    /** The content as exactly as SQL can say it. Of JSON, what it means. */
    const stored = async (table: string, type: SqlColumnType = 'plain'): Promise<unknown> => {
      const row = (await storedIn(table)) as { c: string | null }
      if (type !== 'json') return row
      if (row.c === null || row.c === 'null NULL') return { c: null }
      const text = dialect === 'mysql' ? Buffer.from(row.c.split('/')[0] ?? '', 'hex').toString() : row.c
      return JSON.parse(text.replace(/^text '(.*)'$/, '$1'))
    }

    const storedIn = async (table: string): Promise<unknown> => {
      const content = {
        postgres: 'c::text',
        mysql: "concat(hex(c), '/', if(convert(c using utf8mb4) regexp '^[-0-9.e+]+$', format(c, 30), ''))",
        sqlite: "typeof(c) || ' ' || quote(c)",
      }[dialect]
      const text = `select ${content} as c from ${table}`
      if (dialect === 'sqlite')
        return (one.client as unknown as { prepare(text: string): { get(): unknown } }).prepare(text).get()
      const answer = (await one.run(text)) as { rows?: unknown[] } & unknown[][]
      return dialect === 'postgres' ? answer.rows?.[0] : answer[0]?.[0]
    }

    /** Reads, writes back, changes another member: the content stays what it is. Or the reason why not. */
    async function roundTrip(table: string, type: SqlColumnType, version?: false): Promise<string | undefined> {
      const adapter = sqlAdapter<{ title: string }>({
        client: one.client,
        table,
        columns: { title: { type: 'plain' }, c: { type } },
        ...(version === false && { version }),
      })
      const before = await stored(table, type)
      const state = await adapter.read('a').catch((error: Error) => error)
      if (state instanceof TypeError) return state.message
      if (!state || state instanceof Error) throw state
      const again = await adapter.read('a')
      expect(again).toEqual(state)
      const value = JSON.parse(JSON.stringify(state.value))
      expect(value).toEqual(state.value)
      const put = await adapter.write('a', value, state.version)
      expect(put).toMatchObject({ ok: true, state: { value } })
      expect(await stored(table, type)).toEqual(before)
      const next = put.ok ? put.state.version : ''
      const patched = await adapter.write('a', { ...value, title: 'other' }, next)
      expect(patched).toMatchObject({ ok: true, state: { value: { ...value, title: 'other' } } })
      expect(await stored(table, type)).toEqual(before)
      const last = patched.ok ? patched.state.version : ''
      expect((await adapter.read('a'))?.version).toBe(last)
      // What was stored has the way back too.
      expect((await adapter.write('a', value, last)).ok).toBe(true)
      return undefined
    }

    async function holds(type: string, sample: string, suffix = ''): Promise<void> {
      number++
      const table = `${ownName('type')}_${number}`
      const text = suffix === '' ? 'varchar(40)' : 'text'
      await one.run(
        `create table ${table} (id ${server.types.key} primary key, title ${text}, c ${type}, version ${text} not null)${suffix}`,
      )
      tables.push(table)
      const [names, contents] =
        sample === '' ? ['id, title, version', `'a', 'x', 'v'`] : ['id, title, c, version', `'a', 'x', ${sample}, 'v'`]
      // Zero dates are in tables that are older than the strict mode.
      const verb = dialect === 'mysql' ? "set statement sql_mode = '' for insert" : 'insert'
      await one.run(`${verb} into ${table} (${names}) values (${contents})`)
      const problem = await roundTrip(table, 'plain')
      if (problem === undefined) {
        expect(await roundTrip(table, 'plain', false)).toBeUndefined()
        return
      }
      const [, wayOut] = WAY_OUT.exec(problem) ?? []
      if (wayOut === undefined) return expect(problem).toMatch(LEFT_OUT)
      const second = await roundTrip(table, wayOut as SqlColumnType)
      if (second === undefined) return
      const [, further] = WAY_OUT.exec(second) ?? []
      if (further === undefined) return expect(second).toMatch(LEFT_OUT)
      expect(await roundTrip(table, further as SqlColumnType)).toBeUndefined()
    }

    const cases = Object.entries(samples).flatMap(([type, contents]) =>
      contents.map((sample) => [dialect === 'postgres' && type === 'char' ? '"char"' : type, sample] as const),
    )
    test.each(cases)('%s: %s', (type, sample) => holds(type, sample))

    test.each(FURTHER[dialect])('%s: %s, as people have it', async (type = '', sample = '', before = '') => {
      const own = ownName('made')
      if (before.startsWith('create extension')) {
        const found = (await one.run(`select from pg_available_extensions where name = '${type}'`)) as {
          rowCount: number
        }
        if (found.rowCount === 0) return
      }
      if (before !== '') await one.run(before.replaceAll('$t', own))
      if (before.includes('$t')) made.push(before.replaceAll('$t', own))
      await holds(type.replaceAll('$t', own), sample)
    })

    if (dialect === 'sqlite')
      test.each([
        ['int', '5'],
        ['integer', '9223372036854775807'],
        ['real', '5'],
        ['text', "'5'"],
        ['blob', "x'00'"],
        ['any', '5'],
        ['any', "'5'"],
        ['any', "x'00'"],
      ])('%s of a strict table: %s', (type, sample) => holds(type, sample, ' strict'))

    test('a JSON null is kept, and null in place of anything else is NULL', async () => {
      const table = ownName('json_null')
      tables.push(table)
      await one.run(
        `create table ${table} (id ${server.types.key} primary key, title varchar(9), c json, version varchar(40) not null)`,
      )
      await one.run(`insert into ${table} values ('a', 'x', ' null ', 'v')`)
      expect(await roundTrip(table, 'json')).toBeUndefined()
      expect(await roundTrip(table, 'json', false)).toBeUndefined()
      for (const content of [' [null] ', '"null"']) {
        await one.run(`update ${table} set c = '${content}'`)
        const adapter = sqlAdapter({ client: one.client, table, columns: { c: { type: 'json' } } })
        const state = await adapter.read('a')
        await adapter.write('a', { c: null }, state?.version ?? '')
        expect(await stored(table, 'json')).toMatchObject({ c: null })
      }
    })

    if (dialect !== 'postgres') return

    test('no type of the catalogue is left out', async () => {
      const found = (await one.run(
        `select typname from pg_type where typtype in ('b', 'r', 'm') and typnamespace = 'pg_catalog'::regnamespace and (typcategory <> 'A' or typname in ('int2vector', 'oidvector'))`,
      )) as { rows: Array<{ typname: string }> }
      expect(found.rows.map(({ typname }) => typname).filter((name) => !(name in samples))).toEqual([])
      for (const [type, contents] of Object.entries(samples))
        expect([type, contents.length === 0]).toEqual([type, CLOSED.has(type)])
    })

    test.each(cases.filter(([type]) => !/vector/.test(type)))('an array of %s: %s', (type, sample) =>
      holds(`${type}[]`, `array[${sample}, null]::${type}[]`),
    )

    test.each([
      ['text[]', "'{}'"],
      ['text[]', `'{"a,b","c\\"d","",NULL,"NULL"}'`],
      ['integer[]', "'{{1,2},{3,4}}'"],
    ])('%s: %s', (type, sample) => holds(type, sample))
  })
}
