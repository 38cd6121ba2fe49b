import type { ServerResponse } from 'node:http'
import { createGzip, type Gzip } from 'node:zlib'
import type { RequestHandler } from 'express'

/**
 * Compresses answers as the `compression` package does: at the head it decides and puts `Content-Encoding` there, and
 * what is written from then on goes through a stream to the methods that were there before it.
 */
export const gzip: RequestHandler = (_req, res, next) => {
  const inner = { write: res.write, end: res.end, writeHead: res.writeHead } as unknown as Record<
    'write' | 'end' | 'writeHead',
    (this: ServerResponse, ...args: unknown[]) => unknown
  >
  let stream: Gzip | undefined
  let isBegun = false
  const begin = () => {
    if (isBegun) return
    isBegun = true
    if (res.statusCode === 204 || res.getHeader('Content-Encoding')) return
    stream = createGzip()
    res.setHeader('Content-Encoding', 'gzip')
    res.appendHeader('Vary', 'Accept-Encoding')
    res.removeHeader('Content-Length')
    stream.on('data', (chunk) => inner.write.call(res, chunk))
    stream.on('end', () => inner.end.call(res))
  }
  Object.assign(res, {
    writeHead(...args: unknown[]) {
      begin()
      return inner.writeHead.apply(res, args)
    },
    write(chunk: string | Buffer, ...rest: unknown[]) {
      if (!res.headersSent) res.writeHead(res.statusCode)
      if (!stream) return inner.write.call(res, chunk, ...rest)
      const callback = rest.at(-1)
      stream.write(chunk, typeof callback === 'function' ? () => callback() : undefined)
      // No word of a full buffer: nobody would be told when it has drained.
      return true
    },
    end(chunk?: string | Buffer, ...rest: unknown[]) {
      if (!res.headersSent) res.writeHead(res.statusCode)
      if (!stream) return inner.end.call(res, chunk, ...rest)
      return chunk === undefined ? stream.end() : stream.end(chunk)
    },
  })
  next()
}
