import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Example, openExample } from './example'

jest.setTimeout(60_000)

const folder = mkdtempSync(join(tmpdir(), 'files-'))
let files: Example
beforeAll(async () => {
  files = await openExample('files/server.js', { FOLDER: folder, MAX_BYTES: '8000000' })
})
afterAll(async () => {
  await files.close()
  rmSync(folder, { recursive: true })
})

const put = (name: string, body: Uint8Array | string, headers: Record<string, string>) =>
  fetch(`${files.url}/files/${name}`, { method: 'PUT', headers, body: body as string })
const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

test('of two people who replace one file at once the second is told, and everybody downloads one of the two', async () => {
  const made = await put('plan', 'the plan', { 'If-None-Match': '*' })
  expect(made.status).toBe(201)
  expect((await put('plan', 'another one', { 'If-None-Match': '*' })).status).toBe(412)
  const tag = made.headers.get('ETag') ?? ''
  const saved = await Promise.all(['ann', 'bob', 'cid'].map((by) => put('plan', `by ${by}`, { 'If-Match': tag })))
  expect(saved.map(({ status }) => status).sort()).toEqual([200, 412, 412])
  const winner = saved.findIndex(({ status }) => status === 200)
  expect(await (await fetch(`${files.url}/files/plan`)).text()).toBe(`by ${['ann', 'bob', 'cid'][winner]}`)
})

test('a download that is under way goes on to the end of its version while the file is replaced ten times', async () => {
  const first = randomBytes(6_000_000)
  const made = await put('film', first, { 'If-None-Match': '*' })
  let tag = made.headers.get('ETag') ?? ''
  const download = await slowDownload('/files/film')
  for (let times = 0; times < 10; times++) {
    const replaced = await put('film', randomBytes(5_000), { 'If-Match': tag })
    expect(replaced.status).toBe(200)
    tag = replaced.headers.get('ETag') ?? ''
  }
  expect(hash(await download.rest())).toBe(hash(first))

  // It broke off, and goes on: with the rest of the version that it has begun, or the new one from its beginning.
  const rest = (ifRange: string) =>
    fetch(`${files.url}/files/film`, { headers: { Range: 'bytes=4000-', 'If-Range': ifRange } })
  expect((await rest(tag)).status).toBe(206)
  const anew = await rest(made.headers.get('ETag') ?? '')
  expect([anew.status, (await anew.arrayBuffer()).byteLength]).toEqual([200, 5_000])
})

test('an upload that breaks off, or is too long, leaves the file as it was', async () => {
  const made = await put('notes', 'kept', { 'If-None-Match': '*' })
  const tag = made.headers.get('ETag') ?? ''
  const aborted = new AbortController()
  const endless = new ReadableStream({
    pull: async (controller) => {
      controller.enqueue(randomBytes(1000))
      aborted.abort()
    },
  })
  const upload = fetch(`${files.url}/files/notes`, {
    method: 'PUT',
    headers: { 'If-Match': tag },
    body: endless,
    signal: aborted.signal,
    duplex: 'half',
  } as RequestInit)
  await expect(upload).rejects.toThrow()
  expect((await put('notes', randomBytes(8_000_001), { 'If-Match': tag })).status).toBe(413)
  expect(await (await fetch(`${files.url}/files/notes`)).text()).toBe('kept')
  expect((await put('notes', 'next', { 'If-Match': tag })).status).toBe(200)
})

/** Takes the head and nothing of the body, until it is asked for. */
async function slowDownload(path: string) {
  const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    request(files.url + path, resolve)
      .on('error', reject)
      .end()
  })
  response.pause()
  return {
    async rest(): Promise<Buffer> {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk as Buffer)
      return Buffer.concat(chunks)
    },
  }
}
