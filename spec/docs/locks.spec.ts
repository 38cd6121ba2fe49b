import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describeWith } from '../services'
import { ROOT } from '../sources'
import { pageAt } from './page'

const page = pageAt('docs/locks.md')
const blockWith = (part: string) =>
  page.blocks.find(({ language, text }) => language === 'js' && text.includes(part))?.text
const acquiring = blockWith('locks.acquire(')
const kit = blockWith('lockKit(')

/** Loads what an app that has installed the package would load. */
function load(name: string): unknown {
  const [, path = ''] = /^express-conflict\/?(.*)$/.exec(name) ?? []
  return require(join(ROOT, 'lib', /^(?:|testing)$/.test(path) ? path : join('backends', path)))
}

describe('the kit of docs/locks.md', () => {
  new Function('require', 'test', kit ?? '')(load, test)
})

describeWith('PostgreSQL', 'the example of docs/locks.md', (url) => {
  test('takes a lock and gives it back', async () => {
    const pools: { end(): Promise<void> }[] = []
    const { Pool } = require('pg') as typeof import('pg')
    class OwnPool extends Pool {
      constructor() {
        super({ connectionString: url })
        pools.push(this)
      }
    }
    const run = new Function('require', 'process', `return (async () => {${acquiring}\nlocks.close()\nreturn lease})()`)
    const lease = await run((name: string) => (name === 'pg' ? { Pool: OwnPool } : load(name)), { env: {} })
    expect(lease.fence).toMatch(/^\d+$/)
    expect(lease.signal.aborted).toBe(false)
    await Promise.all(pools.map((pool) => pool.end()))
  })
})

test.each([
  ['locks', 'Locks'],
  ['store', 'Store'],
])('docs/locks.md names the %s of every back end', (file, suffix) => {
  const backEnds = join(ROOT, 'lib/backends')
  const names = readdirSync(backEnds).filter((name) => existsSync(join(backEnds, name, `${file}.ts`)))
  expect(names.length).toBeGreaterThan(3)
  expect(names.filter((name) => !page.text.includes(`${name.replace('mongodb', 'mongo')}${suffix}(`))).toEqual([])
})
