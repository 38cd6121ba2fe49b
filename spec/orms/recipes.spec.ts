import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { Express } from 'express'
import request from 'supertest'
import { pageAt } from '../docs/page'
import { describeWith, ownName } from '../services'
import { ownDatabase } from './databases'

const RECIPES = [
  ['Prisma', "require('@prisma/client')"],
  ['Drizzle', "require('drizzle-orm')"],
  ['Knex', "require('knex')"],
  ['TypeORM', "require('typeorm')"],
  ['Sequelize', "require('sequelize')"],
  ['MikroORM', "require('@mikro-orm/postgresql')"],
] as const

const TABLE = /^create table .*$/m.exec(pageAt('docs/orms.md').text)?.[0] ?? ''
/** The model that the app of Prisma shares with its own spec. */
const PRISMA_TABLE = `create table articles (id text primary key, title text not null, count integer, tags jsonb, labels text[],
  stars integer[], big bigint, slug text,
  version text not null, modified timestamptz(3))`

interface Closable {
  readonly $disconnect?: () => Promise<void>
  readonly $client?: { end(): Promise<void> }
  readonly destroy?: () => Promise<void>
  readonly close?: () => Promise<void>
}

type Started = [server: Server | string, stop: () => Promise<unknown>]

async function start(code: string): Promise<Started> {
  const name = /const (prisma|db|source|sequelize) =/.exec(code)?.[1]
  const ready = code.replace('app.listen(3000)', `ready([app, ${name}])`)
  const [app, client] = await new Promise<[Express, Closable]>((resolve) =>
    new Function('require', 'ready', ready)(require, resolve),
  )
  const server = app.listen(0)
  const close = () => client.$disconnect?.() ?? client.$client?.end() ?? client.destroy?.() ?? client.close?.()
  return [
    server,
    async () => {
      server.close()
      await close()
    },
  ]
}

/** For what is published as ES modules only: Node can require it, and jest cannot. */
async function startApart(code: string): Promise<Started> {
  const listening = code
    .replace("require('express-conflict')", "require('../../lib')")
    .replace('app.listen(3000)', 'const server = app.listen(0, () => console.log(server.address().port))')
  const child = spawn(process.execPath, ['-r', '../ts-hook.js', '-e', listening], {
    cwd: __dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [port] = await once(child.stdout, 'data')
  return [
    `http://127.0.0.1:${Number(port)}`,
    async () => {
      child.kill()
      await once(child, 'exit')
    },
  ]
}

describe.each(RECIPES)('the app of docs/orms.md with %s', (orm, names) => {
  describeWith('PostgreSQL', 'runs as printed', (url) => {
    let server: Server | string
    let stop: () => Promise<unknown>
    afterAll(() => stop())
    // Its own hooks come after the one above: a database is dropped when nobody uses it any more.
    const own = ownDatabase(url, ownName('orms'), [orm === 'Prisma' ? PRISMA_TABLE : TABLE])

    beforeAll(async () => {
      const text = pageAt('docs/orms.md').blocks.find((block) => block.text.includes(names))?.text ?? ''
      const code = text.replaceAll('process.env.DATABASE_URL', JSON.stringify(own))
      ;[server, stop] = await (orm === 'MikroORM' ? startApart(code) : start(code))
    })
    const put = (title: string, headers: Record<string, string>) =>
      request(server).put('/articles/a').set(headers).send({ title })
    const statuses = (answers: Array<{ status: number }>) => answers.map(({ status }) => status)
    const among = (count: number, send: (index: number) => PromiseLike<request.Response>) =>
      Promise.all(Array.from({ length: count }, (_, index) => send(index)))

    test('of several creators one succeeds, of several writers too, and a removal needs the version', async () => {
      const created = await among(8, (index) => put(`made ${index}`, { 'If-None-Match': '*' }))
      expect(statuses(created).sort()).toEqual([201, ...Array(7).fill(412)])

      const read = await request(server).get('/articles/a').expect(200)
      const etag = read.headers.etag ?? ''
      expect(read.body.title).toMatch(/^made \d$/)
      const written = await among(8, (index) => put(`changed ${index}`, { 'If-Match': etag }))
      const won = written.filter(({ status }) => status < 300)
      expect([won.length, statuses(written).filter((status) => status === 412).length]).toEqual([1, 7])

      await request(server).delete('/articles/a').set('If-Match', etag).expect(412)
      // The answer has the new tag: a client saves again without a read in between.
      const patched = await request(server)
        .patch('/articles/a')
        .set('If-Match', won[0]?.headers.etag ?? '')
        .send({ title: 'changed 9' })
      expect([patched.status, patched.body]).toEqual([200, expect.objectContaining({ title: 'changed 9' })])
      const last = await request(server).get('/articles/a').expect(200)
      expect(last.body.title).toMatch(/^changed \d$/)
      const removed = await among(4, () =>
        request(server)
          .delete('/articles/a')
          .set('If-Match', last.headers.etag ?? ''),
      )
      expect(statuses(removed)).toContain(204)
      await request(server).get('/articles/a').expect(404)
    })
  })
})
