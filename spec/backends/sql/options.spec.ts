import type { Kysely } from 'kysely'
import {
  addColumnStatements,
  createTableStatements,
  type SqlAdapterOptions,
  type SqlTable,
  sqlAdapter,
} from '../../../lib/backends/sql'

const client = { prepare: () => undefined, close: () => undefined } as unknown as SqlAdapterOptions['client']
const good = { client, table: 'articles', columns: ['title'] }

describe('sqlAdapter refuses at start-up', () => {
  test.each([
    [{ table: 'r; drop table x' }, 'table "r; drop table x" is not a plain identifier.'],
    [{ table: 'a.b.c' }, 'table "a.b.c" is not a plain identifier.'],
    [{ table: 'a b' }, 'table "a b" is not a plain identifier.'],
    [{ table: '' }, 'table "" is not a plain identifier.'],
    [{ table: 't'.repeat(64) }, `table "${'t'.repeat(64)}" is not a plain identifier.`],
    [{ key: 'id`; -- ' }, 'key "id`; -- " is not a plain identifier.'],
    [{ key: 'a.id' }, 'key "a.id" is not a plain identifier.'],
    [{ key: [] }, 'key names no column.'],
    [{ key: ['a', 'b'], keyType: ['text'] }, 'keyType has 1 words for 2 columns.'],
    [{ keyType: 'number' }, 'keyType cannot be of type "number"; say text, integer, uuid, sha256.'],
    [{ keySeparator: '' }, 'keySeparator is empty.'],
    [{ scope: { 'tenant"': 1 } }, 'scope "tenant\\"" is not a plain identifier.'],
    [{ columns: { title: "'] || 1" } }, `columns "'] || 1" is not a plain identifier.`],
    [
      { columns: { title: { type: 'varchar' } } },
      'columns cannot be of type "varchar"; say plain, json, boolean, number, date, text.',
    ],
    [{ columns: [] }, 'columns names no column.'],
    [{ columns: null }, 'columns is null; give names, or { member: column }.'],
    [{ columns: { a: null } }, 'columns.a is null; give a column, or { column, type }.'],
    [{ columns: { a: { type: 'json', colum: 'x' } } }, 'columns.a has no "colum"; it takes column and type.'],
    [{ columns: { a: { column: 'x' } } }, 'columns.a is {"column":"x"}, without its type.'],
    [{ key: 5 }, 'key is 5; give a column, or several.'],
    [{ scope: 'tenant' }, 'scope is "tenant"; give { column: value }.'],
    [{ scope: { tenant: undefined } }, 'scope.tenant is undefined; give a string or a number.'],
    [{ scope: { tenant: null } }, 'scope.tenant is null; give a string or a number.'],
    [{ scope: { tenant: Number.NaN } }, 'scope.tenant is NaN; give a string or a number.'],
    [{ version: null }, 'version is null; give a column, or { column, type }.'],
    [{ version: { column: 'v' } }, 'version is {"column":"v"}, without its type.'],
    [{ softDelete: { type: 'date' } }, 'softDelete is {"type":"date"}, without its column.'],
    [
      { client: undefined },
      'client is undefined; give a Kysely instance, a pool of pg or mysql2, or a better-sqlite3 database.',
    ],
    [{ dialect: 'oracle' }, `dialect is "oracle"; say 'postgres', 'mysql' (MariaDB too) or 'sqlite'.`],
    [{ columns: ['title', 'title'] }, 'the column "title" is named for two purposes.'],
    [{ columns: ['version'] }, 'the column "version" is named for two purposes.'],
    [{ columns: undefined }, 'give either json or columns.'],
    [{ json: 'value' }, 'give either json or columns.'],
    [{ version: 'a-b' }, 'version "a-b" is not a plain identifier.'],
    [{ version: { column: 'v', type: 'float' } }, 'version cannot be of type "float"; say text, bigint, integer.'],
    [{ lastModified: { column: 'm', type: 's' } }, 'lastModified cannot be of type "s"; say date, ms.'],
    [{ softDelete: 'x y' }, 'softDelete "x y" is not a plain identifier.'],
    [{ history: 100 }, 'history is 100; give { table, keepVersions }.'],
    [{ history: null }, 'history is null; give { table, keepVersions }.'],
    [{ history: {} }, 'history.table undefined is not a plain identifier.'],
    [{ history: { table: 'a; b' } }, 'history.table "a; b" is not a plain identifier.'],
    [{ history: { table: 'articles' } }, 'history.table is the table of the resources; give it another one.'],
    [{ history: { table: 'h', keep: 5 } }, 'history: there is no option "keep". Known are table, keepVersions.'],
    [
      { history: { table: 'h', keepVersions: 0 } },
      'history.keepVersions is 0; give a positive integer, or leave history out.',
    ],
    [
      { history: { table: 'h', keepVersions: '9' } },
      'history.keepVersions is "9"; give a positive integer, or leave history out.',
    ],
    [
      { history: { table: 'h' }, key: 'position' },
      'history has a column "position" of its own, so no key or scope can be called that.',
    ],
    [
      { history: { table: 'h' }, scope: { VALUE: 1 } },
      'history has a column "value" of its own, so no key or scope can be called that.',
    ],
    [{ key: ['a', 'b'], generatedKeys: true }, 'generatedKeys needs a key of one column.'],
    [{ client: {} }, 'client is no Kysely instance, no pool of pg or mysql2 and no better-sqlite3 database.'],
  ])('%j', (options, message) => {
    const make = () => sqlAdapter({ ...good, ...options } as SqlAdapterOptions)
    expect(make).toThrow(new TypeError(`sqlAdapter(): ${message}`))
  })

  test('an option that it does not know', () => {
    expect(() => sqlAdapter({ ...good, tables: 'x' } as SqlAdapterOptions)).toThrow(
      'there is no option "tables". Did you mean "table"?',
    )
  })

  test('a Kysely instance whose dialect it cannot tell, unless it is said', () => {
    class Strange {}
    const executor = { adapter: new Strange(), withoutPlugins: () => executor }
    const kysely = { getExecutor: () => executor } as unknown as Kysely<unknown>
    expect(() => sqlAdapter({ ...good, client: kysely })).toThrow("say dialect: 'postgres', 'mysql' or 'sqlite'.")
    expect(() => sqlAdapter({ ...good, client: kysely, dialect: 'sqlite' })).not.toThrow()
  })
})

test('a table may have a schema, and a member may show the key', () => {
  expect(() => sqlAdapter({ ...good, table: 'app.articles', columns: { id: 'id', title: 'title' } })).not.toThrow()
})

describe('statements', () => {
  test('quote every name', () => {
    const options: SqlTable = { table: 'app.articles', json: 'value', lastModified: 'modified' }
    expect(createTableStatements('mysql', options)).toEqual([
      'create table if not exists `app`.`articles` (`id` varbinary(1024) not null, `value` longtext character set utf8mb4 not null, ' +
        '`version` varchar(40) character set ascii collate ascii_bin not null, `modified` datetime(3) not null, primary key (`id`))',
    ])
    expect(addColumnStatements('postgres', options, ['version'])).toEqual([
      'alter table "app"."articles" add column "modified" timestamptz(3) not null default current_timestamp',
    ])
  })

  test('make the table of a history too, whatever the resources are made of', () => {
    const history = { table: 'app.articles_history' }
    const [, made] = createTableStatements('mysql', { table: 'app.articles', json: 'value', history })
    const columns: SqlTable = { table: 'app.articles', columns: ['title'], scope: { tenant: 'acme' }, history }
    expect([made, ...addColumnStatements('postgres', columns, ['version'])]).toEqual([
      'create table if not exists `app`.`articles_history` (`id` varbinary(2700) not null, `version` varbinary(255) not null, ' +
        '`value` longtext character set utf8mb4 not null, `modified_ms` bigint, `gone` boolean not null, `position` bigint not null, ' +
        'primary key (`id`, `version`))',
      'create table if not exists "app"."articles_history" ("tenant" text not null, "id" text not null, "version" text not null, ' +
        '"value" json not null, "modified_ms" bigint, "gone" boolean not null, "position" bigint not null, ' +
        'primary key ("tenant", "id", "version"))',
    ])
  })

  test('to make a table of columns are not to be had', () => {
    expect(() => createTableStatements('sqlite', { table: 'a', columns: ['b'] })).toThrow(
      'createTableStatements(): the types of columns are not known; give json, or use addColumnStatements().',
    )
  })
})
