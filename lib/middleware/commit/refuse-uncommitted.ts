import type { ServerResponse } from 'node:http'

interface Refusal {
  isUncommitted(): boolean
  /** Called when the handler has ended its answer, of which nothing was sent. */
  refuse(status: number): Promise<void>
}

type Method = (...args: unknown[]) => unknown

/**
 * Keeps back an answer below 400 to a change that was not committed (303 after a POST is one too), from its first byte to its end; the answer that
 * follows, to the error, passes. Looked at here and not at the head: there the status could still be changed, but not
 * the body that says otherwise.
 */
export function refuseUncommitted(res: ServerResponse, { isUncommitted, refuse }: Refusal): void {
  const own = res as unknown as Record<'write' | 'end' | 'writeHead' | 'flushHeaders', Method>
  const { write, end, writeHead, flushHeaders } = own
  let keptBack: number | undefined
  let isRefused = false

  const keepsBack = (status: number): boolean => {
    if (isRefused) return false
    if (keptBack === undefined && !res.headersSent && status >= 200 && status < 400 && isUncommitted())
      keptBack = status
    return keptBack !== undefined
  }

  own.writeHead = (...args) => {
    const [status] = args
    return keepsBack(typeof status === 'number' ? status : res.statusCode) ? res : writeHead.apply(res, args)
  }
  own.flushHeaders = (...args) => {
    if (!keepsBack(res.statusCode)) flushHeaders.apply(res, args)
  }
  own.write = (...args) => {
    if (!keepsBack(res.statusCode)) return write.apply(res, args)
    callBack(args)
    return true
  }
  own.end = (...args) => {
    if (!keepsBack(res.statusCode)) return end.apply(res, args)
    const status = keptBack ?? res.statusCode
    isRefused = true
    for (const field of OF_THE_ANSWER) res.removeHeader(field)
    res.statusCode = 500
    void refuse(status)
    callBack(args)
    return res
  }
}

/** The others may be of middleware in front: they are kept. */
const OF_THE_ANSWER =
  'Content-Type Content-Length Content-Encoding Content-Disposition ETag Last-Modified Location'.split(' ')

function callBack(args: readonly unknown[]): void {
  const last = args.at(-1)
  if (typeof last === 'function') process.nextTick(last as () => void)
}
