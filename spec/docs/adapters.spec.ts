import { transformSync } from '@swc/core'
import type { ResourceAdapter } from '../../lib'
import { adapterKit, jsonValues } from '../../lib/testing'
import { abilityTable } from '../backends/abilities'
import { membersOf } from '../sources'
import { pageAt } from './page'

interface Example {
  entryAdapter(client: object): ResourceAdapter<unknown>
}

/** The example of the page, as it stands there. */
function example(): Example {
  const block = pageAt('docs/adapters.md').blocks.find(({ language }) => language === 'ts')
  const { code } = transformSync(block?.text ?? '', {
    jsc: { parser: { syntax: 'typescript' } },
    module: { type: 'commonjs' },
  })
  const module = { exports: {} as Example }
  new Function('require', 'module', 'exports', code)(require, module, module.exports)
  return module.exports
}

/** An entry store whose every call takes a turn, so that others come between. */
function entryStore() {
  const entries = new Map<string, string>()
  return {
    async get(key: string) {
      await null
      return entries.get(key)
    },
    async compareAndSet(key: string, before: string | undefined, after: string | undefined) {
      await null
      if (entries.get(key) !== before) return false
      if (after === undefined) entries.delete(key)
      else entries.set(key, after)
      return true
    },
  }
}

const down = () => Promise.reject(new Error('down'))
const { entryAdapter } = example()
const kit = adapterKit<unknown>({
  makeAdapter: () => entryAdapter(entryStore()),
  makeFailing: () => entryAdapter({ get: down, compareAndSet: down }),
  values: [{ n: 1 }, { n: 2 }, { n: 3 }],
  extraValues: jsonValues,
  abilities: {
    remove: true,
    create: false,
    tombstones: false,
    lastModified: false,
    transaction: false,
    readVersion: false,
  },
})

describe('the example of docs/adapters.md keeps the contract', () => {
  for (const { name, run } of kit) test(name, run)
})

describe('the example of how to run the kit', () => {
  const block = pageAt('docs/adapters.md').blocks.find(({ language }) => language === 'js')
  new Function('require', 'describe', 'test', block?.text ?? '')(require, describe, test)
})

test('the table of abilities is what the adapters say of themselves to the kit', () => {
  expect(pageAt('docs/adapters.md').text).toContain(`\n\n${abilityTable()}\n\n`)
})

test('every option of the kit is in the table', () => {
  const [page = ''] = pageAt('docs/adapters.md').prose.split('## What each adapter can do')
  const rows = [...page.matchAll(/^\| `(\w+)` +\|/gm)].map(([, name]) => name)
  expect(rows.sort()).toEqual(membersOf('testing/adapter-kit.ts', 'AdapterKitOptions').sort())
})

test('every option of prismaAdapter is in its table', () => {
  const rows = [...pageAt('docs/orms.md').prose.matchAll(/^\| `(\w+)` +\|/gm)].map(([, name]) => name)
  expect(rows.sort()).toEqual(membersOf('backends/prisma/options.ts', 'PrismaAdapterOptions').sort())
})
