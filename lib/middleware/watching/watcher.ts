import type { Response } from 'express'
import type { ConflictError } from '../../conflicts/conflicts'
import type { ResourceState } from '../../contracts/adapter'
import { formatEntityTag } from '../../http/entity-tag'
import { viewOfLock } from '../edit-locks/edit-lock-record'
import type { EditLock } from '../options/edit-locks'
import { newAttempt, wasRemoved } from '../request/attempt'
import type { GuardedRequest } from '../request/guarded-request'
import { tagsFor } from '../request/validators'
import { stateStage } from '../stages/fetch-state'

/** A client with an open stream on a resource. */
export interface Watcher<T> {
  readonly guarded: GuardedRequest<T>
  readonly res: Response
  /** The stream has begun. Before that, the client can still be refused. */
  isOpen: boolean
  /** The version that the client knows of, as the opaque part of its tag. */
  sentTag: string | undefined
  /** The edit lock that the client knows of; `undefined` if it was not told of any. */
  sentLock: string | undefined
  /** The client reads too slowly. It gets the latest state when it catches up. */
  isBehind: boolean
}

/** What was found for a resource: the same for all its watchers. */
export interface Found<T> {
  readonly stored: ResourceState<T> | undefined
  readonly lock: EditLock | undefined
  /** The text that all clients get about the state, if it does not depend on the caller. */
  shared?: { readonly tag: string; readonly text: string }
}

/** May the caller still read what was found? */
export function refusalFor<T>(
  guarded: GuardedRequest<T>,
  { stored }: Found<T>,
): ConflictError | undefined | Promise<ConflictError | undefined> {
  return stateStage.check?.(guarded, newAttempt(guarded, stored, false))
}

/**
 * Begins the stream with everything that is new to the client. The random delay is for when `EventSource` reconnects.
 */
export async function open<T>(watcher: Watcher<T>, found: Found<T>): Promise<void> {
  const { res } = watcher
  res.statusCode = 200
  for (const [name, value] of HEAD) res.setHeader(name, value)
  res.write(`retry: ${1000 + Math.floor(Math.random() * 2000)}\n\n`)
  watcher.isOpen = true
  await sendState(watcher, found)
  await sendLock(watcher, found)
}

const HEAD: readonly [name: string, value: string][] = [
  ['Content-Type', 'text/event-stream'],
  // A compressing proxy would wait for more data.
  ['Cache-Control', 'no-store, no-transform'],
  // nginx would wait until its buffer is full.
  ['X-Accel-Buffering', 'no'],
]

/** Sends a client what is new to it, if it may still read the resource. */
export async function update<T>(watcher: Watcher<T>, found: Found<T>): Promise<void> {
  const { guarded, res } = watcher
  if (!watcher.isOpen || res.writableEnded || res.destroyed) return
  if (res.writableNeedDrain) {
    watcher.isBehind = true
    return
  }
  const refused = refusalFor(guarded, found)
  const refusal = refused instanceof Promise ? await refused : refused
  if (refusal === undefined) {
    await sendState(watcher, found)
    if (guarded.settings.editLocks) await sendLock(watcher, found)
    return
  }
  // A client that may no longer see the resource is not told why here. Its next connection gets the refusal.
  if (wasThere(guarded, found, refusal)) send(res, 'removed', {})
  res.end()
}

function wasThere<T>(guarded: GuardedRequest<T>, { stored }: Found<T>, { code }: ConflictError): boolean {
  return stored === undefined || (code === 'gone' && wasRemoved(guarded, stored))
}

/** Without `expose` the text does not depend on the caller, so all clients share it. */
async function sendState<T>(watcher: Watcher<T>, found: Found<T>): Promise<void> {
  const { guarded, res } = watcher
  const { stored } = found
  if (stored === undefined) return
  const { expose } = guarded.settings.options
  found.shared ??= sharedText(guarded, stored)
  const { tag, text } = found.shared
  if (tag === watcher.sentTag) return
  watcher.sentTag = tag
  const state = await expose?.(stored, guarded.req)
  if (state === undefined) res.write(text)
  else send(res, 'changed', { ...factsOf(guarded, stored), state }, tag)
}

function sharedText<T>(guarded: GuardedRequest<T>, stored: ResourceState<T>): NonNullable<Found<T>['shared']> {
  const tag = tagsFor(guarded, stored)[0]?.opaque ?? ''
  return { tag, text: textOf('changed', factsOf(guarded, stored), tag) }
}

function factsOf<T>(guarded: GuardedRequest<T>, stored: ResourceState<T>): object {
  const [tag] = tagsFor(guarded, stored)
  const { lastModified } = stored
  return { etag: tag && formatEntityTag(tag), ...(lastModified && { lastModified: lastModified.toISOString() }) }
}

async function sendLock<T>(watcher: Watcher<T>, { lock }: Found<T>): Promise<void> {
  const { guarded, res } = watcher
  const { editLocks } = guarded.settings
  const name = lock === undefined ? 'none' : `${lock.since.getTime()} ${lock.owner}`
  if (editLocks === undefined || name === watcher.sentLock) return
  watcher.sentLock = name
  send(res, lock === undefined ? 'released' : 'locked', await viewOfLock(lock, editLocks, guarded.req))
}

function send(res: Response, event: string, data: object, id?: string): void {
  if (!res.writableEnded) res.write(textOf(event, data, id))
}

/** JSON has no line breaks of its own, and a tag has none either. */
function textOf(event: string, data: object, id: string | undefined): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}
