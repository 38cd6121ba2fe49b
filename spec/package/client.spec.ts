import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { transformSync } from 'esbuild'
import express from 'express'
import { chromium as driver } from 'playwright-core'
import { memoryAdapter, resourceRouter, respondToConflicts } from '../../lib'
import { chromium } from '../examples/browser'
import { ROOT } from './install'

jest.setTimeout(60_000)

const file = join(ROOT, 'dist/client.mjs')

test('the client is at most 7.3 kB, minified and compressed', () => {
  const { code } = transformSync(readFileSync(file, 'utf8'), { minify: true, format: 'esm', target: 'es2022' })
  expect(gzipSync(code, { level: 9 }).length).toBeLessThanOrEqual(7300)
})

/** What an app serves to pages: `require.resolve('express-conflict/client.min.mjs')`. */
const fileForPages = join(ROOT, 'dist/client.min.mjs')

test.each([file, fileForPages])('%s asks for nothing that is not in it', (path) => {
  expect(readFileSync(path, 'utf8')).not.toMatch(/\b(?:import|require)\s*[({'"*]|\bfrom\s*['"]|\bprocess\b|\bBuffer\b/)
})

const PAGE = `<!doctype html><base href="/api/"><script type="module">
  import { createClient, mergeDisjoint } from '/client.mjs'
  const [mine, theirs] = [createClient({ resolve: mergeDisjoint() }), createClient()]
  const created = await mine.post('notes', { text: 'a', body: 'a' })
  await theirs.get(created.location)
  await mine.get(created.location)
  await theirs.patch(created.location, { body: 'theirs' })
  const { value } = await mine.put(created.location, { ...created.value, text: 'mine' })
  window.done = JSON.stringify(value)
</script>`

const isNeeded = process.env.CONFLICT_SERVICES === 'required'
const testInBrowser = chromium !== undefined || isNeeded ? test : test.skip

testInBrowser('a page loads the file as it is published, and finds what is relative to it', async () => {
  const app = express()
  app.get('/', (_req, res) => void res.type('html').send(PAGE))
  app.get('/client.mjs', (_req, res) => res.sendFile(fileForPages))
  app.use('/api/notes', resourceRouter({ name: 'note', adapter: memoryAdapter() }))
  app.use(respondToConflicts())
  const server = createServer(app).listen(0, '127.0.0.1')
  const browser = await driver.launch({
    executablePath: chromium ?? '',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic'],
  })
  try {
    const page = await browser.newPage()
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    const done = await page.waitForFunction<string>('window.done')
    expect(JSON.parse(await done.jsonValue())).toEqual({ text: 'mine', body: 'theirs' })
  } finally {
    await browser.close()
    server.close()
  }
})
