import { basename, dirname } from 'node:path'
import type { Request, Response } from 'express'
import send from 'send'
import { ConflictError } from '../../conflicts/conflicts'
import { isStoredFile, type StoredFile } from '../../contracts/stored-file'
import { byteRangeOf, isRangeCurrent } from '../../http/range'
import { refuseUnknown } from '../../options'
import { retryAfterS } from '../../timing/retry-after'
import { stockHandler } from '../handlers/commit-change'
import { refuseMounted } from '../options/mount'
import { wasRemoved } from '../request/attempt'
import type { ConflictMiddleware } from '../request/conflict-middleware'
import type { GuardedRequest } from '../request/guarded-request'
import { refusal } from '../request/refuse'
import { tagsOf } from '../request/validators'
import { readState } from '../state/store-call'
import { storeConflict } from '../state/store-conflict'

/** How files are sent. */
export interface SendFileOptions {
  /** The `Content-Disposition` of a file. Default: `'attachment'`, because a browser may run what it shows. */
  readonly disposition?: string | ((file: StoredFile, req: Request) => string)
}

/**
 * The stock handler of GET and HEAD for files. Sends the bytes of the state that the chain found, with the type that they
 * were uploaded with. A `Range` is honoured, unless `If-Range` names another state.
 */
export function sendFile(options: SendFileOptions = {}): ConflictMiddleware {
  refuseMounted('sendFile', options, 'app.get(path, chain, sendFile())')
  refuseUnknown('sendFile()', options, ['disposition'])
  const { disposition = 'attachment' } = options
  return stockHandler('sendFile', async (guarded) => {
    const { req, res } = guarded
    const file = fileOf(guarded)
    if (!res.hasHeader('Content-Type')) res.setHeader('Content-Type', file.type)
    if (!res.hasHeader('Content-Disposition'))
      res.setHeader('Content-Disposition', typeof disposition === 'string' ? disposition : disposition(file, req))
    // The uploading client chose the type, and a browser must not guess another one.
    res.setHeader('X-Content-Type-Options', 'nosniff')
    res.setHeader('Repr-Digest', file.digest)
    const error = await sent(req, rangeOf(guarded, file.size), res, file)
    if (error) await answerError(guarded, error)
  })
}

function fileOf({ attempt, isSafe, req }: GuardedRequest<unknown>): StoredFile {
  if (!isSafe) throw new Error(`sendFile() is for GET and HEAD; on ${req.method} answer with commitChange().`)
  const value = attempt?.change.current?.value
  if (isStoredFile(value)) return value
  throw new Error(
    'sendFile(): what is stored is no file. The adapter of the chain has to be one of files: uploadAdapter().',
  )
}

/**
 * The range to send, in a form that `send` reads correctly. Only GET has ranges (RFC 9110 §14.2). `If-Range` is checked
 * here, because `send` would accept a weak tag.
 */
function rangeOf(guarded: GuardedRequest<unknown>, size: number): string | undefined {
  const { range } = guarded.req.headers
  if (guarded.req.method !== 'GET' || range === undefined || !isForThisState(guarded)) return undefined
  const part = byteRangeOf(range, size)
  if (part === 'whole') return undefined
  return part === 'unsatisfiable' ? `bytes=${size}-` : `bytes=${part.first}-${part.last}`
}

function isForThisState(guarded: GuardedRequest<unknown>): boolean {
  const { req, attempt } = guarded
  const ifRange = req.headers['if-range']
  if (ifRange === undefined || attempt === undefined) return true
  const modifiedMs = attempt.change.current?.lastModified?.getTime()
  const [tag] = tagsOf(guarded, attempt)
  return isRangeCurrent(String(ifRange), { tag, modifiedMs }, Date.now())
}

type SendError = Error & { readonly status?: number }

/** Sends the file. The chain has evaluated the conditions and set the validators, so `send` only gets the range. */
function sent(
  req: Request,
  range: string | undefined,
  res: Response,
  file: StoredFile,
): Promise<SendError | undefined> {
  const bare = { method: req.method, headers: range === undefined ? {} : { range } } as Request
  const options = { etag: false, lastModified: false, cacheControl: false, dotfiles: 'allow', index: false } as const
  return new Promise((resolve) => {
    res.once('close', () => resolve(undefined))
    send(bare, basename(file.path), { root: dirname(file.path), ...options })
      .on('error', resolve)
      .on('end', () => resolve(undefined))
      .pipe(res)
  })
}

const OF_A_FILE = ['Content-Type', 'Content-Disposition', 'X-Content-Type-Options', 'Repr-Digest', 'Accept-Ranges']

async function answerError(guarded: GuardedRequest<unknown>, error: SendError): Promise<void> {
  const { res } = guarded
  // Part of the file was already sent, so only a broken connection can tell the client.
  if (res.headersSent) return void res.destroy(error)
  for (const field of OF_A_FILE) res.removeHeader(field)
  if (error.status === 404) throw await refusal(guarded, await replaced(guarded))
  if (error.status !== 416) {
    const conflict = await storeConflict(guarded, error, 'read')
    throw conflict ? await refusal(guarded, conflict) : error
  }
  res.statusCode = 416
  res.end()
}

/** The conflict for a file that was deleted while it was being sent, because a newer state has replaced it. */
async function replaced(guarded: GuardedRequest<unknown>): Promise<ConflictError> {
  const stored = await readState(guarded)
  if (stored === undefined) return new ConflictError('not_found')
  return wasRemoved(guarded, stored)
    ? new ConflictError('gone')
    : new ConflictError('concurrent_update', { retryAfterS: retryAfterS() })
}
