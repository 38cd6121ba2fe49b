import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

jest.setTimeout(120_000)

const MEBIBYTE = 1024 * 1024

const folder = mkdtempSync(join(tmpdir(), 'upload-memory-'))
let server: ChildProcess
let port: number
beforeAll(async () => {
  server = fork(join(__dirname, 'upload-server.ts'), [folder], {
    execArgv: ['-r', join(__dirname, '../../ts-hook.js')],
  })
  const [message] = await once(server, 'message')
  port = message.port
})
afterAll(() => {
  server.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

async function* bytes(mebibytes: number): AsyncGenerator<Buffer> {
  for (let sent = 0; sent < mebibytes; sent++) yield Buffer.alloc(MEBIBYTE, sent)
}

async function put(mebibytes: number): Promise<number> {
  const headers = { 'Content-Length': mebibytes * MEBIBYTE, 'If-Match': mebibytes > 1 ? '*' : undefined }
  const call = request({ port, method: 'PUT', path: '/a', headers: JSON.parse(JSON.stringify(headers)) })
  const answered = once(call, 'response')
  await pipeline(bytes(mebibytes), call)
  const [response] = (await answered) as [IncomingMessage]
  response.resume()
  return response.statusCode ?? 0
}

async function get(): Promise<number> {
  const call = request({ port, path: '/a' }).end()
  const [response] = (await once(call, 'response')) as [IncomingMessage]
  let size = 0
  for await (const chunk of response) size += chunk.length
  return size
}

async function mostMemory(question: 'begin' | 'end'): Promise<number> {
  server.send(question)
  const [{ bytes }] = await once(server, 'message')
  return bytes
}

test('a PUT of 256 MiB, and a GET of it, take less than 64 MiB of memory', async () => {
  expect(await put(1)).toBe(201)
  const before = await mostMemory('begin')
  expect(await put(256)).toBe(200)
  expect(await get()).toBe(256 * MEBIBYTE)
  const extra = (await mostMemory('end')) - before
  process.stdout.write(`256 MiB in and out: ${(extra / MEBIBYTE).toFixed(1)} MiB of memory\n`)
  expect(extra).toBeLessThan(64 * MEBIBYTE)
})
