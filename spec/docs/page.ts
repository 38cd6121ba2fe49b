import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathsIn, ROOT } from '../sources'

export interface Block {
  readonly language: string
  readonly text: string
  readonly line: number
}

export interface Page {
  /** From the root of the repository. */
  readonly path: string
  readonly text: string
  readonly blocks: readonly Block[]
  /** What stands outside of code blocks. */
  readonly prose: string
  /** The anchors of its headings, as GitHub makes them. */
  readonly anchors: readonly string[]
}

const files = ['README.md', 'CONTRIBUTING.md', ...pathsIn('docs').map((path) => `docs/${path}`)]

export const PAGES: readonly Page[] = files.filter((path) => path.endsWith('.md')).map(readPage)

export function pageAt(path: string): Page {
  const page = PAGES.find((each) => each.path === path)
  if (!page) throw new Error(`There is no page ${path}.`)
  return page
}

function readPage(path: string): Page {
  const text = readFileSync(join(ROOT, path), 'utf8')
  const blocks: Block[] = []
  const prose = text.replace(/^```(\w*)\n([\s\S]*?)^```$/gm, (_, language: string, code: string, at: number) => {
    blocks.push({ language, text: code, line: text.slice(0, at).split('\n').length })
    return ''
  })
  const anchors = [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading))
  return { path, text, blocks, prose, anchors }
}

function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_ -]/gu, '')
    .replaceAll(' ', '-')
}
