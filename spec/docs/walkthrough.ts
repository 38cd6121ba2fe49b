import { spawn } from 'node:child_process'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Express } from 'express'
import { type Block, type Page, pageAt } from './page'

interface Exchange {
  readonly line: number
  readonly script: string
  readonly answer: string | undefined
}

/** An app of a page, what the page sends to it, and what the page says comes back. */
export interface Walkthrough {
  readonly line: number
  readonly code: string
  readonly exchanges: readonly Exchange[]
}

/**
 * A `js` block is an app; the `sh` blocks after it are run against it, and an `http` block after one of these is what it
 * prints. Where the first `js` block of a page has no responder, it stands in front of all others, and the second one
 * behind them. A block that makes no app of its own stands in the frame of docs/README.md.
 */
export function walkthroughsOf({ blocks }: Page): Walkthrough[] {
  // What connects to a database is run by adapter-apps.spec.ts, where there is one. A folder is always to be had.
  const scripts = blocks.filter(
    ({ language, text }) => language === 'js' && text.includes('app') && !/process\.env\.(?!FOLDER)/.test(text),
  )
  const [first, second, ...others] = scripts
  const isFramed = first !== undefined && makesApp(first) && !first.text.includes('app.use(respondToConflicts')
  return (isFramed ? others : scripts).map((block) => {
    const [before, after] = isFramed ? [first, second] : makesApp(block) ? [] : FRAME
    return {
      line: block.line,
      code: [before?.text, block.text, after?.text].join('\n'),
      exchanges: exchangesAfter(block, blocks),
    }
  })
}

const makesApp = ({ text }: Block) => /^const app = /m.test(text)

const FRAME = pageAt('docs/README.md').blocks

function exchangesAfter(app: Block, blocks: readonly Block[]): Exchange[] {
  const behind = blocks.slice(blocks.indexOf(app) + 1)
  const end = behind.findIndex(({ language }) => language === 'js')
  return behind.slice(0, end === -1 ? behind.length : end).flatMap((block, index, all) => {
    if (block.language !== 'sh' || !/\bcurl\b/.test(block.text)) return []
    const next = all[index + 1]
    return [{ line: block.line, script: block.text, answer: next?.language === 'http' ? next.text : undefined }]
  })
}

/** Runs a block as a module would; what it calls `app` is served, if there is such a thing. */
export function runScript(code: string, load: (name: string) => unknown): Express | undefined {
  const ownServer = /^app\.listen\(.*$/m
  const body = `'use strict';${code.replace(ownServer, '')}\n;return typeof app === 'undefined' ? undefined : app`
  return new Function('require', body)(load) as Express | undefined
}

export async function serve<R>(app: Express, work: (port: number) => Promise<R>): Promise<R> {
  const server = await new Promise<Server>((resolve) => {
    const listening: Server = app.listen(0, () => resolve(listening))
  })
  try {
    return await work((server.address() as AddressInfo).port)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

const SEPARATOR = '-----8<-----'

/** Runs scripts one after the other in one shell, so that a variable of one is there in the next. */
export async function runInShell(scripts: readonly string[], port: number): Promise<string[]> {
  const text = scripts.map((script) => script.replaceAll('localhost:3000', `localhost:${port}`))
  const shell = spawn('sh', ['-e'], { stdio: ['pipe', 'pipe', 'pipe'] })
  let output = ''
  let errors = ''
  shell.stdout.on('data', (chunk) => {
    output += chunk
  })
  shell.stderr.on('data', (chunk) => {
    errors += chunk
  })
  shell.stdin.end(text.join(`\nprintf '\\n%s\\n' '${SEPARATOR}'\n`))
  const code = await new Promise((resolve) => shell.on('close', resolve))
  if (code !== 0) throw new Error(`A shell script of the page failed: ${errors}`)
  return output.split(`\n${SEPARATOR}\n`)
}

interface Answer {
  readonly status: string
  readonly fields: ReadonlyMap<string, string>
  readonly body: unknown
}

export function parseAnswer(text: string): Answer {
  const [head = '', ...rest] = text.replaceAll('\r', '').trimEnd().split('\n\n')
  const [status = '', ...lines] = head.split('\n')
  const fields = new Map(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  )
  const body = rest.join('\n\n').trim()
  return { status, fields, body: /^[[{]/.test(body) ? JSON.parse(body) : body }
}

/** `…` stands for any characters. */
export function pattern(expected: unknown): unknown {
  if (typeof expected === 'string') {
    if (!expected.includes('…')) return expected
    const parts = expected.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    return expect.stringMatching(new RegExp(`^${parts.join('.+')}$`, 's'))
  }
  if (Array.isArray(expected)) return expected.map(pattern)
  if (typeof expected !== 'object' || expected === null) return expected
  return Object.fromEntries(Object.entries(expected).map(([name, value]) => [name, pattern(value)]))
}
