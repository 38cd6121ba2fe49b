import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { command, type Streams } from '../../lib/audit/command'

export interface Served {
  readonly url: string
  /** Method and path of every request, in order. */
  readonly requests: readonly string[]
  close(): void
}

export async function serve(mount: (app: express.Express) => void): Promise<Served> {
  const app = express()
  const requests: string[] = []
  app.use((req, _res, next) => {
    requests.push(`${req.method} ${req.originalUrl}`)
    next()
  })
  mount(app)
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** As every tutorial has it: read, change, save, and the last one wins. */
export function plainArticles(app: express.Express): void {
  const articles = new Map<string, object>([['1', { id: '1', title: 'first' }]])
  app.use(express.json())
  app.get('/articles/:id', (req, res) => {
    const article = articles.get(req.params.id)
    if (article) res.json(article)
    else res.status(404).send('Not found')
  })
  app.put('/articles/:id', (req, res) => {
    articles.set(req.params.id, req.body)
    res.json(req.body)
  })
  app.post('/articles', (req, res) => {
    const id = String(articles.size + 1)
    articles.set(id, { ...req.body, id })
    res
      .status(201)
      .location(`/articles/${id}`)
      .json({ ...req.body, id })
  })
  app.delete('/articles/:id', (req, res) => {
    articles.delete(req.params.id)
    res.sendStatus(204)
  })
}

/** What the command prints, and its exit code. */
export async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', '']
  const streams: Streams = {
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
  }
  const code = await command(args, streams)
  return { code, out, err }
}

/** The marks by the id of the rule. */
export function marksIn(json: string): Record<string, string> {
  const { findings } = JSON.parse(json) as { findings: { rule: { id: string }; mark: string }[] }
  return Object.fromEntries(findings.map(({ rule, mark }) => [rule.id, mark]))
}
