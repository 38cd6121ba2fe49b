import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Express } from 'express'
import request from 'supertest'
import { pageAt } from './page'

const folder = mkdtempSync(join(tmpdir(), 'express-conflict-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** The app of docs/adapters.md that says this, in a folder of its own. */
function appWith(words: string): Express {
  const text = pageAt('docs/adapters.md').blocks.find((block) => block.text.includes(words))?.text ?? ''
  process.env.FOLDER = folder
  return new Function('require', text.replace('app.listen(3000)', 'return app'))(require)
}

test('the app of docs/adapters.md on files runs as printed, and lets no update get lost', async () => {
  const app = appWith("'data/articles'")
  const made = await request(app).put('/articles/a').send({ title: 'one' })
  expect(made.status).toBe(201)
  const etag = made.headers.etag ?? ''
  const change = (title: string) => request(app).put('/articles/a').set('If-Match', etag).send({ title })
  const answers = await Promise.all(['two', 'three', 'four'].map((title) => change(title)))
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412])
})
