import { type Channel, channel } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import type { Purge } from '../http/cache-groups'
import type { ConflictError } from './conflicts'

/** What every message about a resource on a request has. */
export interface ResourceMessage {
  /** The `name` of the resource, such as "article". */
  readonly name: string
  /** The key of the resource; `undefined` for a new one that has none yet. */
  readonly key: string | undefined
  readonly method: string
  /** The path as the app wrote it, such as "/articles/:id". Keys are never part of it. */
  readonly route: string | undefined
  /** The request, for subscribers that look up its user, its span or its logger. */
  readonly request: IncomingMessage
}

/** The messages on the channels `express-conflict:*` of `node:diagnostics_channel`, by the last part of the name. */
export interface ConflictEvents {
  /** A request was refused, or would have been. `name` is missing where a body parser refused it before any chain ran. */
  readonly conflict: Omit<ResourceMessage, 'name'> & {
    readonly name: string | undefined
    readonly conflict: ConflictError
    /** The `instance` that the problem and the log line show. */
    readonly instance: string
    /** `false` in report mode: the request went through all the same. */
    readonly enforced: boolean
    /** JSON Pointers to the members that the request would have changed, where that is known. Computed when called. */
    changed(): readonly string[]
  }
  /** A change was committed. */
  readonly committed: ResourceMessage & {
    readonly outcome: 'created' | 'replaced' | 'removed'
    /** The new version; `undefined` after a removal. */
    readonly version: string | undefined
    /** The version that was replaced; `undefined` after a creation. */
    readonly previousVersion: string | undefined
    readonly tries: number
    /** Whether the request brought a condition on the state, or named a version. */
    readonly conditional: boolean
    /** JSON Pointers to the members that it changed. Computed when called. */
    changed(): readonly string[]
    /** What caches should forget. Computed when called. */
    purge(): Purge
  }
  /** A commit lost its race; its checks held on the state that won, and it is written again. */
  readonly retry: ResourceMessage & { readonly tries: number }
  /** A change of an older state was merged with what others had done since. */
  readonly merge: ResourceMessage & { readonly version: string | undefined }
  /** An Idempotency-Key was known, and the first answer was given again. */
  readonly replay: ResourceMessage & { readonly status: number }
  /** Something happened to a lock over a handler. */
  readonly lock: {
    readonly name: string
    /** The name of the lock, such as "article:1". */
    readonly key: string
    readonly event: 'waiting' | 'granted' | 'refused' | 'released' | 'lost'
    /** How long the request has waited, in milliseconds. */
    readonly waitedMs: number
    /** How many requests of this process wait for locks of this `name` now. */
    readonly waiting: number
    /** How many locks of this `name` this process holds now. */
    readonly held: number
    readonly request: IncomingMessage
  }
  /** Somebody took an edit lock, or it ended before its time ran out. Renewals are not told. */
  readonly 'edit-lock': ResourceMessage & { readonly event: 'taken' | 'released' }
  /** The state of a resource was read from its adapter. */
  readonly read: { readonly name: string; readonly tookMs: number; readonly failed: boolean }
}

/** The last parts of the names of the channels. */
export type ConflictChannel = keyof ConflictEvents

const CHANNELS: Readonly<Record<ConflictChannel, Channel>> = {
  conflict: channel('express-conflict:conflict'),
  committed: channel('express-conflict:committed'),
  retry: channel('express-conflict:retry'),
  merge: channel('express-conflict:merge'),
  replay: channel('express-conflict:replay'),
  lock: channel('express-conflict:lock'),
  'edit-lock': channel('express-conflict:edit-lock'),
  read: channel('express-conflict:read'),
}

/** Whether anything listens. Ask it before you make what only a message needs. */
export function isHeard(name: ConflictChannel): boolean {
  return CHANNELS[name].hasSubscribers
}

/** Makes the message and hands it over, if anybody listens. */
export function publish<K extends ConflictChannel>(name: K, message: () => ConflictEvents[K]): void {
  const { [name]: to } = CHANNELS
  if (to.hasSubscribers) to.publish(message())
}

/** Gives back what ends the subscription. */
export function subscribe<K extends ConflictChannel>(
  name: K,
  listener: (message: ConflictEvents[K]) => void,
): () => void {
  const onMessage = (message: unknown) => listener(message as ConflictEvents[K])
  CHANNELS[name].subscribe(onMessage)
  return () => void CHANNELS[name].unsubscribe(onMessage)
}

/** Tells the operator what no client has to know. */
export function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : new Error(String(error)))
}
