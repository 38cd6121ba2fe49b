import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import request from 'supertest'
import { pathsIn, ROOT } from '../sources'
import { PAGES, pageAt } from './page'
import { runScript } from './walkthrough'

const CODE = [
  ...PAGES.flatMap(({ path, blocks }) =>
    blocks
      .filter(({ language }) => /^[jt]s$/.test(language))
      .map(({ text, line }) => [`${path}:${line}`, text] as const),
  ),
  ...pathsIn('examples')
    .filter((path) => path.endsWith('.js') && !path.includes('public/'))
    .map((path) => [`examples/${path}`, readFileSync(join(ROOT, 'examples', path), 'utf8')] as const),
]

test('no async handler of a page or an example ends the process on Express 4', () => {
  const bare = /^.*(?<!asyncHandler\()async \(_?req, _?res.*$/gm
  const unsafe = CODE.flatMap(([place, text]) =>
    (text.match(bare) ?? [])
      .filter((line) => !(line.includes('next') && text.includes('next(error)')))
      .map((line) => `${place}: ${line}`),
  )
  expect(unsafe).toEqual([])
  expect(CODE.some(([, text]) => text.includes('asyncHandler(async (req'))).toBe(true)
})

test("the handlers of the README's kind: of two that save at once one is refused, and the next request is answered", async () => {
  const [frame, end] = [pageAt('docs/README.md').blocks[0]?.text, pageAt('docs/README.md').blocks[1]?.text]
  const own = pageAt('docs/own-handlers.md').blocks.find(({ text }) => text.includes('updateTitle'))?.text ?? ''
  // Both have passed the check before the first one writes.
  const slow = own
    .replace('async function updateTitle(', 'const gate = { seen: 0 }\nasync function updateTitle(')
    .replace(
      'if (String(rows',
      'gate.seen += 1\n  while (gate.seen < 2) await new Promise(setImmediate)\n  if (String(rows',
    )
  const app = runScript([frame, slow, end].join('\n'), require)
  const agent = request.agent(app as never)
  const put = (title: string) => agent.put('/notes/1').set('If-Match', '"1"').send({ title })
  const answers = await Promise.all([put('one'), put('two')].map(async (answer) => await answer))
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 412])
  const read = await agent.get('/notes/1')
  expect([read.status, read.headers.etag]).toEqual([200, '"2"'])
})
