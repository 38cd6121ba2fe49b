import express, { type Request, type Response } from 'express'

const { json, send, set, get, vary } = express.response

/**
 * Sends exactly what `res.json(value)` would send, but faster: Express would look for a tag that is already there, and
 * evaluate conditions a second time. If an app, a setting or a layer in front has changed how Express answers, this calls
 * `res.json`. `known` is the JSON text of the value, if the caller has it.
 */
export function sendJson(req: Request, res: Response, value: unknown, known?: string): void {
  // Must not be sent with a Content-Length (RFC 9112 §6.2), which Express 4 sets anyway.
  res.removeHeader('Transfer-Encoding')
  const text = isPlain(req, res) ? (known ?? JSON.stringify(value)) : undefined
  if (text === undefined) {
    res.json(value)
    return
  }
  res.setHeader('Content-Type', 'application/json; charset=utf-8')
  // Node joins a text with the head, which copies it twice. That is fast for short texts only.
  const body = text.length < LONG ? text : Buffer.from(text)
  res.setHeader('Content-Length', Buffer.byteLength(body))
  if (req.method === 'HEAD') res.end()
  else res.end(body, 'utf8')
}

const LONG = 4096

/** `res.vary('Prefer')`. */
export function varyByPrefer(res: Response): void {
  if (res.vary === vary && isOwn && !res.hasHeader('Vary')) res.setHeader('Vary', 'Prefer')
  else res.vary('Prefer')
}

/** Whether these are Express's own methods. A tool that was loaded earlier may have replaced them. */
const isOwn = /'json escape'/.test(String(json)) && /'etag fn'/.test(String(send))

function isPlain(req: Request, res: Response): boolean {
  if (!isOwn || res.json !== json || res.send !== send || res.set !== set || res.get !== get) return false
  const { app } = res
  if (app.get('json escape') || app.get('json replacer') || app.get('json spaces')) return false
  if (res.hasHeader('Content-Type')) return false
  const { statusCode } = res
  if (statusCode !== 200 && statusCode !== 201) return false
  // Express makes a tag for a read that has none.
  return (req.method !== 'GET' && req.method !== 'HEAD') || res.hasHeader('ETag')
}
