import * as client from '../../lib/client'
import { ourServer } from '../client/servers'
import { exportsOf, membersOf, readSources } from '../sources'
import { pageAt } from './page'

const page = pageAt('docs/client.md')

test.each(
  page.blocks
    .filter(({ language, text }) => language === 'js' && text.includes("createClient({ baseUrl: 'http"))
    .map(({ line, text }) => [line, text]),
)('the code in line %i runs', async (_, text) => {
  const server = await ourServer({ id: '1', title: 'Bread', items: [] })
  const load = (name: string) => (name === 'express-conflict/client' ? client : require(name))
  const code = `return (async () => {${text.replaceAll('http://localhost:3000/', new URL('/', server.url).href)}})()`
  try {
    await new Function('require', code)(load)
    expect(await server.stored()).toMatchObject({ id: '1' })
  } finally {
    await server.close()
  }
})

const namesUnder = (heading: string) => {
  const [, part = ''] = page.prose.split(`## ${heading}\n`)
  return [...(part.split(/^## /m)[0] ?? '').matchAll(/^\| `(\w+)` +\|/gm)].map(([, name = '']) => name).sort()
}

test('every option and every name is in its table', () => {
  expect(namesUnder('Options of createClient')).toEqual(membersOf('client/options.ts', 'ClientOptions').sort())
  expect(namesUnder('Exports of express-conflict/client')).toEqual(Object.keys(client).sort())
  const [, types = ''] = /^Types: (.*)\.$/m.exec(page.prose) ?? []
  const named = [...Object.keys(client), ...types.replaceAll('`', '').split(', ')]
  expect(named.sort()).toEqual([...exportsOf('client/index.ts', readSources()).keys()].sort())
})
