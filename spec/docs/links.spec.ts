import { existsSync } from 'node:fs'
import { join, posix } from 'node:path'
import { ROOT } from '../sources'
import { PAGES, type Page } from './page'

const { scripts } = require('../../package.json') as { scripts: Record<string, string> }

/** Links to places of this repository, as paths from its root, with the anchor. */
function linksOf({ path, prose }: Page) {
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [file = '', anchor] = target.split('#')
      return { target, file: file === '' ? path : posix.join(posix.dirname(path), file), anchor }
    })
}

describe.each(PAGES.map((page) => [page.path, page] as const))('%s', (_, page) => {
  test('links lead to files that are there, and to headings that they have', () => {
    const broken = linksOf(page).filter(({ file, anchor }) => {
      if (!existsSync(join(ROOT, file))) return true
      return anchor !== undefined && !PAGES.find(({ path }) => path === file)?.anchors.includes(anchor)
    })
    expect(broken).toEqual([])
  })

  test('files that are named exist', () => {
    const named = [...page.prose.matchAll(/`((?:lib|spec|docs|bench|examples)\/[^`*{]+)`/g)].map(
      ([, path = '']) => path,
    )
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
  })

  test('npm scripts that are named exist', () => {
    const named = [...page.text.matchAll(/npm run ([\w:]+)|npm (start|test)\b/g)].map(([, run, other]) => run ?? other)
    expect(named.filter((name) => !Object.hasOwn(scripts, name ?? ''))).toEqual([])
  })

  test('JSON is JSON', () => {
    for (const { language, text } of page.blocks) if (language === 'json') JSON.parse(text)
  })
})

test('docs/README.md leads to every page of docs', () => {
  const index = PAGES.find(({ path }) => path === 'docs/README.md')
  const led = index ? linksOf(index).map(({ file }) => file) : []
  const pages = PAGES.map(({ path }) => path).filter((path) => path.startsWith('docs/') && path !== index?.path)
  expect(pages.filter((path) => !led.includes(path))).toEqual([])
})
