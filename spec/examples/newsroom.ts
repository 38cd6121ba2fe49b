import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

export interface Newsroom {
  readonly url: string
  /** What the terminal says. */
  readonly text: string
  close(): Promise<void>
}

/** The example as `npm start` runs it, on a port of its own. */
export async function openNewsroom(): Promise<Newsroom> {
  const server = spawn(process.execPath, [join(__dirname, '../../examples/newsroom/server.js')], {
    env: { ...process.env, HOST: '127.0.0.1', PORT: '0' },
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

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

export const chromium = [process.env.CHROMIUM_PATH, ...PLACES].find((path) => path !== undefined && existsSync(path))
