import { createHash } from 'node:crypto'
import type { Request } from 'express'
import type { Spool, StoredFile } from '../../contracts/stored-file'
import { ALGORITHMS, digestsOf, malformed, tooLarge, unavailable } from './upload-conflicts'

/** Takes the body in, a chunk at a time: the next one is read when this one is on its way to the disk. */
export async function spoolBody(req: Request, spool: Spool, maxBytes: number): Promise<StoredFile> {
  const expected = (digestsOf(req) ?? []).map(({ algorithm, base64 }) => ({
    base64,
    hash: createHash(ALGORITHMS.get(algorithm) ?? algorithm),
  }))
  let size = 0
  for await (const chunk of chunksOf(req)) {
    size += chunk.length
    if (size > maxBytes) throw tooLarge(maxBytes)
    for (const { hash } of expected) hash.update(chunk)
    await spool.write(chunk).catch(fault)
  }
  const { 'content-length': length, 'content-type': type = 'application/octet-stream' } = req.headers
  if (length !== undefined && Number(length) !== size)
    throw malformed('The body is not as long as Content-Length says.')
  if (expected.some(({ hash, base64 }) => !hash.digest().equals(Buffer.from(base64, 'base64'))))
    throw malformed('The body does not have the digest that the request says.')
  return spool.finish(type).catch(fault)
}

/** To leave the loop must not close the connection: the answer is still to be sent on it. */
async function* chunksOf(req: Request): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of req.iterator({ destroyOnReturn: false })) yield chunk as Buffer
  } catch (error) {
    throw malformed('The body ended too early.', error)
  }
}

function fault(error: unknown): never {
  throw unavailable(error)
}
