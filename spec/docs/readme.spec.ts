import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeWith, ownName } from '../services'
import { ROOT } from '../sources'
import { pageAt } from './page'
import { runScript, serve } from './walkthrough'

const page = pageAt('README.md')

test('README.md is read in a few minutes', () => {
  expect(Buffer.byteLength(page.text)).toBeLessThanOrEqual(9000)
})

test('the figures of README.md are those of bench/README.md', () => {
  const bench = readFileSync(join(ROOT, 'bench/README.md'), 'utf8')
  const table = page.prose.split('## Compared')[1]?.split('## ')[0] ?? ''
  const figures = [...table.matchAll(/\b\d[\d,]*\d\b/g)].map(([figure]) => figure)
  expect(figures.length).toBeGreaterThan(8)
  expect(figures.filter((figure) => !bench.includes(figure))).toEqual([])
})

const code = page.blocks.find(({ text }) => text.includes("require('pg')"))?.text ?? ''

describeWith('PostgreSQL', 'the app over a table of its own', (url) => {
  describe.each(['express', 'express4'])('on %s', (line) => {
    const { Pool } = require('pg') as typeof import('pg')
    const table = ownName('readme')
    const pools: InstanceType<typeof Pool>[] = []
    /** How many statements that change something wait until all of them have come. */
    let together = 1
    let waiting: (() => void)[] = []

    class GatedPool extends Pool {
      constructor() {
        super({ connectionString: url })
        pools.push(this)
        const query = this.query.bind(this) as (...args: unknown[]) => Promise<unknown>
        this.query = (async (text: string, ...rest: unknown[]) => {
          if (/^(UPDATE|DELETE)/.test(text)) await this.meet()
          return query(text, ...rest)
        }) as unknown as typeof this.query
      }
      meet(): Promise<void> {
        return new Promise((resolve) => {
          waiting.push(resolve)
          if (waiting.length < together) return
          for (const go of waiting) go()
          waiting = []
        })
      }
    }

    const load = (name: string) => (name === 'pg' ? { Pool: GatedPool } : require(name === 'express' ? line : name))

    beforeAll(async () => {
      const [, create = ''] = /^\/\/ (CREATE TABLE .*)$/m.exec(code) ?? []
      pools.push(new Pool({ connectionString: url }))
      await pools[0]?.query(create.replaceAll('articles', table))
    })
    afterAll(async () => {
      await pools[0]?.query(`DROP TABLE IF EXISTS ${table}`)
      await Promise.all(pools.map((pool) => pool.end()))
    })

    test('creates, reads, changes and removes, and every lost race is 412', async () => {
      const sql = code.replace(/(FROM|INTO|UPDATE) articles/g, `$1 ${table}`)
      const app = runScript(sql, load)
      if (!app) throw new Error('README.md makes no app.')
      await serve(app, async (port) => {
        const ask = async (method: string, path: string, tag?: string, body?: object) => {
          const answer = await fetch(`http://localhost:${port}/articles${path}`, {
            method,
            headers: { ...(tag && { 'If-Match': tag }), ...(body && { 'Content-Type': 'application/json' }) },
            ...(body && { body: JSON.stringify(body) }),
          })
          const { status, headers } = answer
          const text = await answer.text()
          return { status, tag: headers.get('etag'), at: headers.get('location'), body: text && JSON.parse(text) }
        }
        const made = await ask('POST', '', undefined, { title: 'First' })
        expect(made).toEqual({ status: 201, tag: '"1"', at: '/articles/1', body: { title: 'First' } })
        expect(await ask('GET', '/1')).toMatchObject({ status: 200, tag: '"1"', body: { title: 'First' } })
        const put = await ask('PUT', '/1', '"1"', { title: 'Second' })
        expect(put).toMatchObject({ status: 200, tag: '"2"', body: { title: 'Second' } })
        const patch = await ask('PATCH', '/1', '"2"', { title: 'Third' })
        expect(patch).toMatchObject({ status: 200, tag: '"3"', body: { title: 'Third' } })
        expect(await ask('PUT', '/1', '"2"', { title: 'Stale' })).toMatchObject({ status: 412, tag: '"3"' })
        expect(await ask('PUT', '/1', undefined, { title: 'Blind' })).toMatchObject({ status: 428 })

        together = 2
        const race = await Promise.all(['Hers', 'His'].map((title) => ask('PUT', '/1', '"3"', { title })))
        expect(race.map(({ status }) => status).sort()).toEqual([200, 412])
        const mixed = await Promise.all([ask('DELETE', '/1', '"4"'), ask('PATCH', '/1', '"4"', { title: 'Late' })])
        expect(mixed.map(({ status }) => status).sort()).toEqual([expect.any(Number), 412])
        together = 1

        const { status, tag } = await ask('GET', '/1')
        if (status === 200) expect(await ask('DELETE', '/1', tag ?? '')).toMatchObject({ status: 204, body: '' })
        expect(await ask('GET', '/1')).toMatchObject({ status: 404 })
        expect(await ask('GET', '/abc')).toMatchObject({ status: 404, body: { code: 'not_found' } })
        expect(await ask('PUT', '/99', '"1"', { title: 'Nothing' })).toMatchObject({ status: 404 })
      })
    })
  })
})
