import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Newsroom {
  readonly url: string
  /** What the terminal says. */
  readonly text: string
  close(): Promise<void>
}

/** The example as `npm start` runs it, on a port of its own. Without a URL it begins anew, and leaves nothing behind. */
export async function openNewsroom(databaseUrl?: string, nodeOptions = ''): Promise<Newsroom> {
  const folder = mkdtempSync(join(tmpdir(), 'newsroom-'))
  const url = databaseUrl ?? `sqlite:${join(folder, 'newsroom.db')}`
  const newsroom = await opened({ DATABASE_URL: url, NODE_OPTIONS: nodeOptions })
  const close = () => newsroom.close().then(() => rmSync(folder, { recursive: true, force: true }))
  return { ...newsroom, close }
}

async function opened(env: Readonly<Record<string, string>>): Promise<Newsroom> {
  const server = spawn(process.execPath, [join(__dirname, '../../examples/newsroom/server.js')], {
    env: { ...process.env, HOST: '127.0.0.1', PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const closed = new Promise<void>((resolve) => server.once('exit', () => resolve()))
  let text = ''
  for await (const chunk of server.stdout.setEncoding('utf8')) {
    text += chunk
    if (text.includes('Ctrl-C')) break
  }
  const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(text) ?? []
  if (url === undefined) throw new Error(`The newsroom did not open: ${text}`)
  return {
    url,
    text,
    close: () => {
      server.kill()
      return closed
    },
  }
}
