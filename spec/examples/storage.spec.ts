import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPool } from 'mysql2/promise'
import { Pool } from 'pg'
import { describeWith, ownName } from '../services'
import { type Newsroom, openNewsroom } from './newsroom'

jest.setTimeout(60_000)

const folder = mkdtempSync(join(tmpdir(), 'newsroom-'))
afterAll(() => rmSync(folder, { recursive: true }))

const at = (newsroom: Newsroom, id: string) => `${newsroom.url}/articles/${id}`

/** Changes one article and removes another, closes the newsroom, and looks what is there when it opens again. */
async function restart(databaseUrl: string): Promise<void> {
  const first = await openNewsroom(databaseUrl)
  expect(first.text).toContain('line by line')
  const tag = (await fetch(at(first, 'harbour-bridge'))).headers.get('ETag') ?? ''
  const changed = await fetch(at(first, 'harbour-bridge'), {
    method: 'PATCH',
    headers: { 'Content-Type': 'application/json', 'If-Match': tag },
    body: JSON.stringify({ title: 'Bridge shut', editedBy: 'Anna' }),
  })
  expect(changed.status).toBe(200)
  await fetch(at(first, 'night-trains'), { method: 'DELETE', headers: { 'If-Match': '*' } })
  await first.close()

  const second = await openNewsroom(databaseUrl)
  expect(second.text).toContain('open again')
  const stale = await fetch(at(second, 'harbour-bridge'), { headers: { 'If-Match': tag }, method: 'DELETE' })
  expect(stale.status).toBe(412)
  expect(await (await fetch(at(second, 'harbour-bridge'))).json()).toMatchObject({ title: 'Bridge shut' })
  expect((await fetch(at(second, 'night-trains'))).status).toBe(410)
  const list = (await (await fetch(`${second.url}/articles`)).json()) as Array<{ id: string }>
  expect(list.map(({ id }) => id)).toEqual(['harbour-bridge', 'city-budget'])
  await second.close()
}

describeWith('SQLite', 'the newsroom on SQLite', () => {
  test('keeps its articles over a restart', () => restart(`sqlite:${join(folder, 'newsroom.db')}`))
})

test('where better-sqlite3 could not be compiled it opens all the same, and says what that means', async () => {
  const preload = join(folder, 'without-sqlite.js')
  const missing = "Object.assign(new Error('Cannot find module'), { code: 'MODULE_NOT_FOUND' })"
  writeFileSync(
    preload,
    `const { Module } = require('node:module')
     const load = Module._load
     Module._load = (name, ...rest) => { if (name === 'better-sqlite3') throw ${missing}; return load(name, ...rest) }`,
  )
  const newsroom = await openNewsroom('', `-r ${preload}`)
  expect(newsroom.text).toContain('articles are kept in memory alone')
  expect((await fetch(at(newsroom, 'harbour-bridge'))).status).toBe(200)
  await newsroom.close()
})

describeWith('PostgreSQL', 'the newsroom on PostgreSQL', (url) => {
  test('keeps its articles over a restart', async () => {
    const pool = new Pool({ connectionString: url })
    const schema = ownName('newsroom')
    await pool.query(`create schema ${schema}`)
    await restart(`${url}?options=${encodeURIComponent(`-c search_path=${schema}`)}`)
    await pool.query(`drop schema ${schema} cascade`)
    await pool.end()
  })
})

describeWith('MariaDB', 'the newsroom on MariaDB', (url) => {
  test('keeps its articles over a restart', async () => {
    const pool = createPool(url)
    const database = ownName('newsroom')
    await pool.query(`create database ${database}`)
    await restart(Object.assign(new URL(url), { pathname: `/${database}` }).href)
    await pool.query(`drop database ${database}`)
    await pool.end()
  })
})
