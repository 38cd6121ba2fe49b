import type { Response } from 'express'
import type { KeptAnswer } from '../../idempotency/record'

/** Gives an answer again: the same status and bytes, for this caller alone, and marked. */
export function replayAnswer(res: Response, { status, headers, body }: KeptAnswer): void {
  for (const [name, value] of headers) {
    // What is in front may have put its own there, and both are true.
    if (name === 'vary') res.vary(String(value))
    else res.setHeader(name, value)
  }
  res.setHeader('Idempotency-Replayed', 'true')
  res.setHeader('Cache-Control', 'no-store')
  res.statusCode = status
  if (status !== 204) res.setHeader('Content-Length', body.length)
  res.end(body)
}
