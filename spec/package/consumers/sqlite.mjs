import { DatabaseSync } from 'node:sqlite'
import express from 'express'
import { resourceRouter, respondToConflicts } from 'express-conflict'
import { addColumnStatements, createTableStatements, sqlAdapter } from 'express-conflict/sql'

const client = new DatabaseSync(`${process.version}.db`)
const notes = { table: 'notes', json: 'value' }
const articles = { table: 'articles', columns: ['slug', 'title'] }
client.exec('create table articles (id text primary key, slug text unique, title text)')
client.exec('create table log (entry text)')
for (const statement of createTableStatements('sqlite', notes)) client.exec(statement)
for (const statement of addColumnStatements('sqlite', articles, ['id', 'slug', 'title'])) client.exec(statement)

/** While a transaction is open, what the app writes past it is refused with SQLITE_READONLY. */
function writePastTheTransaction() {
  try {
    client.exec("insert into log values ('past it')")
    return { detail: 'It was written past the transaction.' }
  } catch ({ code, errcode }) {
    return code === 'ERR_SQLITE_ERROR' && errcode === 8 ? undefined : { detail: `It was refused with ${errcode}.` }
  }
}

const app = express()
app.use('/notes', resourceRouter({ name: 'note', adapter: sqlAdapter({ client, ...notes }) }))
const article = { name: 'article', adapter: sqlAdapter({ client, ...articles }) }
app.use('/compare-and-swap', resourceRouter(article))
app.use('/transaction', resourceRouter({ ...article, isolation: 'transaction', rules: [writePastTheTransaction] }))
app.use('/log', (_req, res) => {
  client.exec("insert into log values ('after it')")
  res.json(client.prepare('select entry from log').all())
})
app.use(respondToConflicts())

const server = app.listen(0, () => console.log(server.address().port))
