import express, { type Request, type Response } from 'express'

const { json, send, set, get, vary } = express.response

/**
 * `res.json(value)`, byte for byte, without what Express does for nothing here: a tag that is there already is looked
 * for, and conditions that have been judged are judged again. Wherever an app, a setting or a layer in front wants
 * something else than Express does by itself, it is `res.json`. `known` is the text of the value, if it was written already.
 */
export function sendJson(req: Request, res: Response, value: unknown, known?: string): void {
  // Express 4 would put a length beside it, and the two contradict each other (RFC 9112 §6.2).
  res.removeHeader('Transfer-Encoding')
  const text = isPlain(req, res) ? (known ?? JSON.stringify(value)) : undefined
  if (text === undefined) {
    res.json(value)
    return
  }
  res.setHeader('Content-Type', 'application/json; charset=utf-8')
  // Node puts a short text and the head into one piece. A long one it would copy for that, twice.
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

/** A tool that was loaded earlier may have replaced them already. */
const isOwn = /'json escape'/.test(String(json)) && /'etag fn'/.test(String(send))

function isPlain(req: Request, res: Response): boolean {
  if (!isOwn || res.json !== json || res.send !== send || res.set !== set || res.get !== get) return false
  const { app } = res
  if (app.get('json escape') || app.get('json replacer') || app.get('json spaces')) return false
  if (res.hasHeader('Content-Type')) return false
  const { statusCode } = res
  if (statusCode !== 200 && statusCode !== 201) return false
  // To a read without a tag Express gives one. Conditions have been judged.
  return (req.method !== 'GET' && req.method !== 'HEAD') || res.hasHeader('ETag')
}
