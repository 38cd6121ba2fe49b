import { type Agent, request } from 'node:http'

export interface Answer {
  readonly status: number
  readonly type: string
  readonly etag: string
  readonly text: string
}

/** Longer than the deadlines of a read and a write, also on a machine that is busy. */
const ANSWER_MS = 30_000

/** One request. `undefined`: its outcome is unknown. */
export function exchange(
  agent: Agent,
  port: number,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body?: string,
): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const type =
      body === undefined
        ? {}
        : {
            'Content-Type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
            'Content-Length': String(Buffer.byteLength(body)),
          }
    const sent = request({ agent, port, host: '127.0.0.1', method, path, headers: { ...headers, ...type } }, (res) => {
      let text = ''
      res.setEncoding('utf8')
      res.on('data', (chunk) => {
        text += chunk
      })
      const { 'content-type': contentType = '', etag = '' } = res.headers
      res.on('end', () => resolve({ status: res.statusCode ?? 0, type: contentType, etag, text }))
      res.on('error', () => resolve(undefined))
      res.on('close', () => resolve(undefined))
    })
    sent.setTimeout(ANSWER_MS, () => sent.destroy())
    sent.on('error', () => resolve(undefined))
    sent.end(body)
  })
}
