import { createHash } from 'node:crypto'
import type { Request, Response } from 'express'
import { ConflictError } from '../../conflicts/conflicts'
import { isStoreFault } from '../../contracts/store-fault'
import { type FileReceiver, isStoredFile, type Spool, type StoredFile } from '../../contracts/stored-file'
import { type Digest, parseDigests } from '../../http/structured-field'
import { refuseUnknown } from '../../options'
import { retryAfterS } from '../../timing/retry-after'
import { refuseMounted } from '../options/mount'
import { type ConflictMiddleware, conflictMiddleware, failing } from '../request/conflict-middleware'
import { settledOf } from '../request/settled'

/** Where uploads go, and how large they may be. */
export interface ReceiveFileOptions {
  /** The adapter of the chain that follows, such as an `uploadAdapter`. */
  readonly adapter: FileReceiver
  /** A longer body is refused with 413. Default: 100 MiB. */
  readonly maxBytes?: number
}

const MAX_BYTES = 100 * 1024 * 1024

/** How long a handler may keep using the received file after the client has left without an answer. */
const ABANDON_AFTER_MS = 60_000

/**
 * Receives the body of a PUT or POST into a temporary file next to its final place, one chunk at a time. `req.body` is then
 * a `StoredFile`, which is the proposed value of the chain. Mount it in front of the chain, without a body parser.
 *
 * Refuses a body that is cut off, too long, or different from its `Content-Digest`. When the answer has ended, a file that
 * was not committed is deleted.
 */
export function receiveFile(options: ReceiveFileOptions): ConflictMiddleware {
  const { adapter, maxBytes } = checked(options)
  return conflictMiddleware('receiveFile', (req, res, next) => {
    receive(req, res, adapter, maxBytes).then((file) => {
      if (file) req.body = file
      next()
    }, failing(next))
  })
}

async function receive(
  req: Request,
  res: Response,
  adapter: FileReceiver,
  maxBytes: number,
): Promise<StoredFile | undefined> {
  if (!['PUT', 'POST', 'PATCH'].includes(req.method) || isStoredFile(req.body)) return undefined
  const conflict = refusalOfUpload(req, maxBytes)
  if (conflict) throw conflict
  if (req.readableDidRead)
    throw new Error(
      `receiveFile(): the ${req.method} body of type ${req.headers['content-type']} was read already. Mount receiveFile() in front of the body parser, or the parser on other paths.`,
    )
  const spool = await openSpool(adapter)
  // Only the end of the answer shows that nobody reads the received file any more.
  settledOf(res).onSettled(ABANDON_AFTER_MS, () => void spool.discard())
  try {
    return await spoolBody(req, spool, maxBytes)
  } catch (error) {
    await spool.discard()
    // The client may have to send the rest before it reads the answer.
    req.resume()
    throw error
  }
}

async function openSpool(adapter: FileReceiver): Promise<Spool> {
  return adapter.spool().catch((error: unknown) => {
    throw unavailable(error)
  })
}

function checked(options: ReceiveFileOptions): Required<ReceiveFileOptions> {
  refuseMounted('receiveFile', options, 'app.put(path, receiveFile({ adapter }), chain, commitChange())')
  refuseUnknown('receiveFile()', options, ['adapter', 'maxBytes'])
  const { adapter, maxBytes = MAX_BYTES } = options
  if (typeof adapter?.spool !== 'function')
    throw new TypeError('receiveFile(): the adapter cannot receive files; give an uploadAdapter().')
  if (!Number.isSafeInteger(maxBytes) || maxBytes < 1)
    throw new TypeError(`receiveFile(): maxBytes is ${maxBytes}; give a positive integer.`)
  return { adapter, maxBytes }
}

/** Writes the body to the file, one chunk at a time, and reads the next chunk only after the last one was written. */
async function spoolBody(req: Request, spool: Spool, maxBytes: number): Promise<StoredFile> {
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

/** Leaving the loop must not close the connection: the answer still has to be sent on it. */
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

/** Forms of browsers and bodies with several parts. Stored unchanged, the file would contain their boundaries. */
const ENVELOPE = /^[ \t]*(?:multipart\/|application\/x-www-form-urlencoded[ \t]*(?:;|$))/i

/** The conflict for an upload that its header alone decides, before any byte is stored. */
function refusalOfUpload(req: Request, maxBytes: number): ConflictError | undefined {
  const { headers, method } = req
  if (method === 'PATCH')
    return new ConflictError('unsupported_media_type', { detail: 'A file cannot be patched: PUT the whole of it.' })
  if (ENVELOPE.test(headers['content-type'] ?? ''))
    return new ConflictError('unsupported_media_type', {
      detail:
        'A form, or a body of several parts, was sent where the file itself is expected: send its bytes as the body, and its own type as Content-Type.',
    })
  const coding = headers['content-encoding']
  if (coding !== undefined && coding.toLowerCase() !== 'identity')
    return new ConflictError('unsupported_media_type', {
      detail: 'Uploads with a Content-Encoding are not understood here.',
      headers: { 'Accept-Encoding': 'identity' },
    })
  // RFC 9110 §14.4: a PUT with Content-Range would store a part as if it were the whole.
  if (headers['content-range'] !== undefined) return malformed('A part of a resource cannot be stored: Content-Range.')
  if (headers['transfer-encoding'] === undefined && headers['content-length'] === undefined)
    return malformed('The request has no body.')
  if (Number(headers['content-length'] ?? 0) > maxBytes) return tooLarge(maxBytes)
  return digestsOf(req) === undefined ? malformed('Content-Digest or Repr-Digest is malformed.') : undefined
}

/** Both fields mean the same for a PUT without coding or range (RFC 9530 §3.1). Unknown algorithms are left out. */
function digestsOf({ headers }: Request): readonly Digest[] | undefined {
  const found: Digest[] = []
  for (const field of [headers['content-digest'], headers['repr-digest']]) {
    if (field === undefined) continue
    const digests = parseDigests(String(field))
    if (digests === undefined) return undefined
    found.push(...digests.filter(({ algorithm }) => ALGORITHMS.has(algorithm)))
  }
  return found
}

/** Names in RFC 9530 §7.2 and in Node. Its deprecated algorithms are left out, because they prove nothing. */
const ALGORITHMS: ReadonlyMap<string, string> = new Map([
  ['sha-256', 'sha256'],
  ['sha-512', 'sha512'],
])

function tooLarge(maxBytes: number): ConflictError {
  return new ConflictError('content_too_large', { detail: `A file may have ${maxBytes} bytes at the most.` })
}

function malformed(detail: string, cause?: unknown): ConflictError {
  return new ConflictError('malformed_body', { detail, cause })
}

/** The disk failed. Any other error is a mistake in the code. */
function unavailable(error: unknown): unknown {
  if (!isStoreFault(error)) return error
  return new ConflictError('backend_unavailable', { cause: error, retryAfterS: retryAfterS() })
}
