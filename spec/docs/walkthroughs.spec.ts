import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PAGES } from './page'
import { parseAnswer, pattern, runInShell, runScript, serve, walkthroughsOf } from './walkthrough'

const hasCurl = (() => {
  try {
    execFileSync('curl', ['--version'])
    return true
  } catch {
    return false
  }
})()
const isNeeded = process.env.CONFLICT_SERVICES === 'required'
const testWithCurl = hasCurl || isNeeded ? test : test.skip

const cases = PAGES.flatMap((page) => walkthroughsOf(page).map((each) => ({ page, ...each })))

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'walkthrough-'))
  process.env.FOLDER = folder
})
afterEach(() => rmSync(folder, { recursive: true }))

test('there are pages with code', () => {
  expect(cases.length).toBeGreaterThan(10)
})

describe.each(PAGES.map((page) => [page.path, page] as const))('%s', (_, page) => {
  for (const { line, code, exchanges } of walkthroughsOf(page)) {
    if (exchanges.length === 0) {
      test(`the code in line ${line} runs`, () => {
        runScript(code, require)
      })
      continue
    }
    testWithCurl(`the code in line ${line} runs, and answers as printed`, async () => {
      const app = runScript(code, require)
      if (!app) throw new Error('It makes no app.')
      const scripts = exchanges.map(({ script }) => script)
      const printed = await serve(app, (port) => runInShell(scripts, port))
      for (const [index, { line: place, answer }] of exchanges.entries()) {
        if (answer === undefined) continue
        const expected = parseAnswer(answer)
        const seen = parseAnswer(printed[index] ?? '')
        const fields = Object.fromEntries([...expected.fields.keys()].map((name) => [name, seen.fields.get(name)]))
        expect({ place, ...seen, fields }).toEqual({
          place,
          status: expected.status,
          fields: pattern(Object.fromEntries(expected.fields)),
          body: expected.body === '' ? seen.body : pattern(expected.body),
        })
      }
    })
  }
})
