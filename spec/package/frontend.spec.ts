import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { build } from 'esbuild'
import express from 'express'
import { type Browser, chromium as driver, type Page } from 'playwright-core'
import { memoryAdapter, resourceRouter, respondToConflicts } from '../../lib'
import { pageAt } from '../docs/page'
import { chromium } from '../examples/browser'
import { install, newFolder, pack, removeFolder } from './install'

jest.setTimeout(180_000)

/** What mounts the code of the page, and lets the spec reach it. `window.save(value, options)` saves from what the form shows. */
const ENTRIES = {
  React: `
    import { createElement } from 'react'
    import { createRoot } from 'react-dom/client'
    import { useResource } from './block'
    function Form() {
      const { value, save } = useResource('notes/1')
      window.save = (change, options) => save({ ...value, ...change }, options)
      return createElement('p', { id: 'title' }, value?.title)
    }
    createRoot(document.body).render(createElement(Form))`,
  'TanStack Query': `
    import { createElement, useState } from 'react'
    import { createRoot } from 'react-dom/client'
    import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
    import { useResource, useSave } from './block'
    const queries = new QueryClient()
    window.readAgain = () => queries.refetchQueries()
    function Page() {
      const { data } = useResource('notes/1')
      return data ? createElement(Form, { answer: data }) : null
    }
    function Form({ answer }) {
      const [from, setFrom] = useState(answer)
      const save = useSave('notes/1', from)
      window.save = async (change, options) =>
        setFrom(await save.mutateAsync({ value: { ...from.value, ...change }, ...options }))
      return createElement('p', { id: 'title' }, from.value.title)
    }
    createRoot(document.body).render(createElement(QueryClientProvider, { client: queries }, createElement(Page)))`,
  Vue: `
    import { createApp, h } from 'vue'
    import { useResource } from './block'
    createApp({
      setup() {
        const { answer, save } = useResource('notes/1')
        window.save = (change, options) => save({ ...answer.value.value, ...change }, options)
        return () => h('p', { id: 'title' }, answer.value?.value.title)
      },
    }).mount(document.body)`,
}

type Framework = keyof typeof ENTRIES

const isNeeded = process.env.CONFLICT_SERVICES === 'required'
const describeInBrowser = chromium !== undefined || isNeeded ? describe : describe.skip

describeInBrowser('the code of docs/client.md, bundled from the tarball', () => {
  const folder = newFolder()
  let browser: Browser
  beforeAll(async () => {
    const { tarball } = await pack(folder)
    await install(folder, tarball, 'react@19', 'react-dom@19', '@tanstack/react-query@5', 'vue@3')
    browser = await driver.launch({
      executablePath: chromium ?? '',
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic'],
    })
  })
  afterAll(async () => {
    await browser?.close()
    removeFolder(folder)
  })

  let server: Server
  afterEach(() => {
    server.closeAllConnections()
    server.close()
  })

  async function bundled(framework: Framework): Promise<string> {
    const [, after = ''] = pageAt('docs/client.md').text.split(`\n## ${framework}\n`)
    const [, code = ''] = /```jsx?\n([\s\S]*?)```/.exec(after) ?? []
    expect(code.trim().split('\n').length).toBeLessThanOrEqual(24)
    writeFileSync(join(folder, 'block.jsx'), code)
    const stdin = {
      contents: `import { mergeDisjoint } from 'express-conflict/client'; window.merge = mergeDisjoint();${ENTRIES[framework]}`,
      resolveDir: folder,
    }
    const define = { 'process.env.NODE_ENV': '"production"' }
    const { outputFiles } = await build({ stdin, bundle: true, write: false, format: 'esm', define, logLevel: 'error' })
    return outputFiles[0]?.text ?? ''
  }

  async function open(framework: Framework) {
    const script = await bundled(framework)
    const adapter = memoryAdapter<Record<string, string>>()
    await adapter.write('1', { title: 'first', body: 'first' }, null)
    const app = express()
    app.get(
      '/',
      (_req, res) =>
        void res.type('html').send('<!doctype html><body></body><script type="module" src="/page.mjs"></script>'),
    )
    app.get('/page.mjs', (_req, res) => void res.type('text/javascript').send(script))
    app.use('/api/notes', resourceRouter({ name: 'note', adapter }))
    app.use(respondToConflicts())
    server = createServer(app).listen(0, '127.0.0.1')
    const page: Page = await browser.newPage()
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    await page.locator('#title', { hasText: 'first' }).waitFor()
    const stored = async () => (await adapter.read('1'))?.value
    const change = async (more: Record<string, string>) => {
      const { value, version } = (await adapter.read('1')) ?? { value: {}, version: null }
      await adapter.write('1', { ...value, ...more }, version)
    }
    const save = (title: string, options = '') =>
      page.evaluate<string>(
        `window.save({ title: '${title}' }${options}).then(() => 'saved', (error) => String(error.status))`,
      )
    return { page, stored, change, save }
  }

  test.each(Object.keys(ENTRIES) as Framework[])(
    '%s: saves, is refused when somebody was faster, and merges',
    async (framework) => {
      const { page, stored, change, save } = await open(framework)
      expect(await save('second')).toBe('saved')
      await page.locator('#title', { hasText: 'second' }).waitFor()
      await change({ body: 'theirs' })
      expect(await save('mine')).toBe('412')
      expect(await stored()).toEqual({ title: 'second', body: 'theirs' })
      expect(await save('mine', ', { resolve: window.merge }')).toBe('saved')
      expect(await stored()).toEqual({ title: 'mine', body: 'theirs' })
      await page.close()
    },
  )

  test('TanStack Query: a read in the background does not make an old form look new', async () => {
    const { page, stored, change, save } = await open('TanStack Query')
    await change({ body: 'theirs' })
    await page.evaluate('window.readAgain()')
    expect(await save('mine')).toBe('412')
    expect(await stored()).toEqual({ title: 'first', body: 'theirs' })
    await page.close()
  })
})
