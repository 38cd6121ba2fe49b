import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { auditCreations } from './creations'
import { exchanger, parsed, withoutOwn } from './exchange'
import { auditReads } from './reads'
import { auditRefusals } from './refusals'
import { type Finding, formatReport, type Report, sarifOf } from './report'
import { auditWrites } from './writes'

export const USAGE = `npx express-conflict audit <url> [options]

Tries how a running API treats conflicts. It only reads, unless --write or --create says what may be changed.

  <url>                a resource that answers GET with 200, such as http://localhost:3000/articles/1
  --write <url>        this resource may be changed; what was there is put back in the end
  --create <url>       in this collection resources may be created; they are removed in the end
  --body <file>        JSON to write, in place of what a GET of the resource gives
  --header <field>     "Authorization: Bearer …", sent with every request; may be given several times
  --max-requests <n>   stop after so many. Default: 100
  --timeout <ms>       for each request. Default: 10000
  --json, --sarif      the findings as JSON, or as SARIF 2.1.0

Exit code: 0 nothing failed, 1 something failed, 2 the audit could not be carried out.
`

/** The output streams of the command. */
export interface Streams {
  readonly stdout: { write(text: string): unknown }
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean }
}

/** Runs `npx express-conflict …`, and returns the exit code. */
export async function command(args: readonly string[], { stdout, stderr }: Streams): Promise<number> {
  try {
    const options = readArguments(args)
    if (options === undefined) {
      stdout.write(USAGE)
      return 0
    }
    const onExchange = stderr.isTTY
      ? (count: number, line: string) => stderr.write(`\r\u001b[K${count} ${line.slice(0, 70)}`)
      : undefined
    const report = await audit(options, onExchange)
    if (stderr.isTTY) stderr.write('\r\u001b[K')
    stdout.write(
      options.form === 'text'
        ? formatReport(report)
        : `${JSON.stringify(options.form === 'json' ? report : sarifOf(report), null, 2)}\n`,
    )
    return report.findings.some(({ mark }) => mark === 'failed') ? 1 : 0
  } catch (error) {
    stderr.write(`${error instanceof Error ? error.message : error}\n`)
    return 2
  }
}

export interface AuditOptions {
  readonly url: string
  readonly write?: string | undefined
  readonly create?: string | undefined
  readonly body?: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly maxRequests: number
  readonly timeoutMs: number
  readonly form: 'text' | 'json' | 'sarif'
}

/** Reads first, then writes and creates if that is allowed, and at last looks at all refusals. */
export async function audit(
  options: AuditOptions,
  onProgress?: (count: number, line: string) => void,
): Promise<Report> {
  const { url, write, create, body } = options
  let count = 0
  const sender = exchanger({
    ...options,
    onExchange: ({ method, url: asked, status }) => onProgress?.(++count, `${method} ${asked} ${status}`),
  })
  const findings: Finding[] = await auditReads(sender, url)
  if (write !== undefined) findings.push(...(await auditWrites(sender, { url: write, body })))
  if (create !== undefined) {
    const read = body ?? (await sender.send('GET', write ?? url)).body
    findings.push(...(await auditCreations(sender, create, withoutOwn(parsed(read) ?? {}))))
  }
  findings.push(...(await auditRefusals(sender, url)))
  return { url, findings, left: sender.left, requests: sender.all.length }
}

const FLAGS = {
  write: { type: 'string' },
  create: { type: 'string' },
  body: { type: 'string' },
  header: { type: 'string', multiple: true },
  'max-requests': { type: 'string' },
  timeout: { type: 'string' },
  json: { type: 'boolean' },
  sarif: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

function readArguments(args: readonly string[]): AuditOptions | undefined {
  const { values, positionals } = parseArgs({ args: [...args], options: FLAGS, allowPositionals: true })
  const [name, url, ...more] = positionals
  if (values.help || name === undefined) return undefined
  if (name !== 'audit') throw new Error(`There is no command "${name}". There is: audit. See --help.`)
  if (url === undefined || more.length > 0)
    throw new Error('Give one URL: npx express-conflict audit <url>. See --help.')
  const { write, create, body } = values
  return {
    url: urlOf(url, '<url>'),
    write: write === undefined ? undefined : urlOf(write, '--write', url),
    create: create === undefined ? undefined : urlOf(create, '--create', url),
    body: body === undefined ? undefined : readFileSync(body, 'utf8'),
    headers: Object.fromEntries((values.header ?? []).map(headerOf)),
    maxRequests: numberOf(values['max-requests'], '--max-requests', 100),
    timeoutMs: numberOf(values.timeout, '--timeout', 10_000),
    form: values.json ? 'json' : values.sarif ? 'sarif' : 'text',
  }
}

function urlOf(text: string, name: string, base?: string): string {
  const url = URL.canParse(text, base) ? new URL(text, base) : undefined
  if (url && /^https?:$/.test(url.protocol)) return url.href
  throw new Error(`${name} has to be a URL of http or https; got "${text}".`)
}

function headerOf(text: string): [string, string] {
  const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):\s*(.*)$/.exec(text) ?? []
  if (name === undefined || value === undefined) throw new Error(`--header has to be "Name: value"; got "${text}".`)
  return [name, value]
}

function numberOf(text: string | undefined, name: string, otherwise: number): number {
  const number = Number(text ?? otherwise)
  if (Number.isSafeInteger(number) && number > 0) return number
  throw new Error(`${name} has to be a whole number above 0; got "${text}".`)
}
