import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CONFLICTS } from '../../lib'
import { ROOT } from '../sources'
import { pageAt } from './page'

const page = pageAt('docs/architecture.md')
const [, picture = ''] = page.blocks.map(({ text }) => text)

test('every refusal of the picture is a kind, with its status', () => {
  const drawn = [...picture.matchAll(/\b(\d{3}) ([a-z]+(?:_[a-z]+)*)(?![a-z_…])/g)]
    .map(([, status, kind]) => [kind, Number(status)] as const)
    .filter(([kind]) => kind !== undefined && kind !== 'or' && kind !== 'with' && kind !== 'without')
  expect(drawn.length).toBeGreaterThan(15)
  const wrong = drawn.filter(([kind, status]) => CONFLICTS[kind as keyof typeof CONFLICTS]?.status !== status)
  expect(wrong).toEqual([])
})

test('the symbols under which facts hang stand where the page says', () => {
  const rows = [...page.prose.matchAll(/^\| `(express-conflict\.[a-z.-]+)` .*`(lib\/[^`]+)` *\|$/gm)]
  expect(rows).toHaveLength(8)
  const lost = rows.filter(
    ([, symbol = '', path = '']) => !readFileSync(join(ROOT, path), 'utf8').includes(`Symbol.for('${symbol}')`),
  )
  expect(lost.map(([row]) => row)).toEqual([])
})

test('what the page says where to find is there', () => {
  const rows = [...page.prose.matchAll(/^\| [^|]+ \| `(lib\/[^`]+)` +\| `(\w+)` +\|$/gm)]
  expect(rows.length).toBeGreaterThan(5)
  const lost = rows.filter(
    ([, path = '', name = '']) =>
      !new RegExp(`(?:(?:function|const) ${name}\\b|^ +${name}\\()`, 'm').test(readFileSync(join(ROOT, path), 'utf8')),
  )
  expect(lost.map(([row]) => row)).toEqual([])
})
