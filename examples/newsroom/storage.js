// Where the articles are kept, and beside them who is editing, and what was answered: in a file of SQLite, or in the database that DATABASE_URL names.

const path = require('node:path')
const { memoryAdapter, memoryStore } = require('express-conflict')
const { createStoreTableStatements, createTableStatements, sqlAdapter, sqlStore } = require('express-conflict/sql')

const TABLE = { table: 'newsroom_articles', json: 'value', lastModified: 'modified', softDelete: 'removed' }
const RECORDS = { table: 'newsroom_records' }
const FILE = path.join(__dirname, 'newsroom.db')

/** By the scheme of the URL. Each gives a client for the adapter, and a way to run a statement of the newsroom's own. */
const DATABASES = {
  'postgres:': openPostgres,
  'postgresql:': openPostgres,
  'mysql:': openMysql,
  'mariadb:': openMysql,
  'sqlite:': (url) => openSqlite(url.replace(/^sqlite:(\/\/)?/, '')),
}

function openPostgres(url) {
  const { Pool } = require('pg')
  const client = new Pool({ connectionString: url })
  client.on('error', (error) => console.error(`A connection to the database ended: ${error.message}`))
  return { dialect: 'postgres', client, run: async (statement) => (await client.query(statement)).rows }
}

function openMysql(url) {
  const { createPool } = require('mysql2')
  const client = createPool({ uri: url, timezone: 'Z' })
  return { dialect: 'mysql', client, run: async (statement) => (await client.promise().query(statement))[0] }
}

function openSqlite(file) {
  const Database = require('better-sqlite3')
  const client = new Database(file)
  client.pragma('journal_mode = WAL')
  const run = async (statement) => {
    const prepared = client.prepare(statement)
    return prepared.reader ? prepared.all() : prepared.run()
  }
  return { dialect: 'sqlite', client, run, file }
}

/** The adapter, and what the newsroom asks of its storage beside it. */
function openStorage(url) {
  if (url !== undefined && url !== '') return inDatabase(databaseAt(url))
  try {
    return inDatabase(openSqlite(FILE))
  } catch (error) {
    // It is compiled when it is installed, and not every machine has a compiler.
    if (!['MODULE_NOT_FOUND', 'ERR_DLOPEN_FAILED'].includes(error.code) && !/bindings/.test(error.message)) throw error
    return inMemory()
  }
}

function databaseAt(url) {
  const scheme = /^[a-z]+:/.exec(url)?.[0]
  const open = DATABASES[scheme]
  if (!open)
    throw new Error(`DATABASE_URL begins with "${scheme ?? ''}"; it takes ${Object.keys(DATABASES).join(', ')}.`)
  return open(url)
}

function inDatabase({ dialect, client, run, file }) {
  return {
    articles: sqlAdapter({ client, ...TABLE }),
    records: sqlStore({ client, ...RECORDS }),
    where: file ? path.relative(process.cwd(), file) : `the table ${TABLE.table}`,
    toBeginAnew: file ? `remove ${path.relative(process.cwd(), file)}` : `drop the table ${TABLE.table}`,

    async prepare() {
      const articles = createTableStatements(dialect, TABLE)
      for (const statement of [...articles, ...createStoreTableStatements(dialect, RECORDS)]) await run(statement)
    },

    async list() {
      const rows = await run(`select ${TABLE.json} as article from ${TABLE.table} where ${TABLE.softDelete} is null`)
      // Some drivers parse JSON.
      const all = rows.map(({ article }) => (typeof article === 'string' ? JSON.parse(article) : article))
      return all.sort((one, two) => one.createdAt.localeCompare(two.createdAt) || one.id.localeCompare(two.id))
    },
  }
}

function inMemory() {
  const articles = memoryAdapter({ tombstones: true })
  return {
    articles,
    records: memoryStore(),
    prepare: async () => {},
    list: async () => (await articles.entries()).map(({ state }) => state.value),
  }
}

module.exports = openStorage(process.env.DATABASE_URL)
