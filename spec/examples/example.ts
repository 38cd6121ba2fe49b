import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface Example {
  readonly url: string
  readonly process: ChildProcess
  close(): Promise<void>
}

/** An example as its first lines say to start it, on a port of its own. */
export async function openExample(file: string, env: Readonly<Record<string, string>> = {}): Promise<Example> {
  const child = spawn(process.execPath, [join(__dirname, '../../examples', file)], {
    env: { ...process.env, DATABASE_URL: '', PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  for await (const url of createInterface({ input: child.stdout })) {
    return {
      url,
      process: child,
      async close() {
        child.kill('SIGKILL')
        await exited
      },
    }
  }
  throw new Error(`${file} ended before it listened.`)
}

/** Sends JSON, and gives what came back. */
export async function send(url: string, method: string, headers: Record<string, string> = {}, body?: unknown) {
  const answer = await fetch(url, {
    method,
    headers: { 'Content-Type': 'application/json', ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  return { status: answer.status, headers: answer.headers, json: text === '' ? {} : JSON.parse(text) }
}
