import { type Channel, channel } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import type { Purge } from '../http/cache-groups'
import type { ConflictError } from './conflicts'

/** The part that all messages about a resource on a request share. */
export interface ResourceMessage {
  /** The `name` of the resource, such as "article". */
  readonly name: string
  /** The key of the resource; `undefined` for a new one that has none yet. */
  readonly key: string | undefined
  readonly method: string
  /** The path with the names of parameters, such as "/articles/:id". It never contains keys. */
  readonly route: string | undefined
  /** The request, so that subscribers can look up its user, span or logger. */
  readonly request: IncomingMessage
}

/**
 * The messages on the `node:diagnostics_channel` channels `express-conflict:*`, by the last part of the channel's name.
 */
export interface ConflictEvents {
  /**
   * A request was refused, or would have been. `name` is undefined if a body parser refused it before any chain ran.
   */
  readonly conflict: Omit<ResourceMessage, 'name'> & {
    readonly name: string | undefined
    readonly conflict: ConflictError
    /** The `instance` that the problem and the log line show. */
    readonly instance: string
    /** `false` in report mode: the request was let through. */
    readonly enforced: boolean
    /** JSON Pointers to the members that the request would have changed, if known. Computed when called. */
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
  /** A commit lost a race, its checks passed on the state that won, and it is being written again. */
  readonly retry: ResourceMessage & { readonly tries: number }
  /** A change that was based on an older state was merged with later changes. */
  readonly merge: ResourceMessage & { readonly version: string | undefined }
  /** A request repeated a known Idempotency-Key and got the first answer again. */
  readonly replay: ResourceMessage & { readonly status: number }
  /** The state of a lock that is held while a handler runs has changed. */
  readonly lock: {
    readonly name: string
    /** The name of the lock, such as "article:1". */
    readonly key: string
    readonly event: 'waiting' | 'granted' | 'refused' | 'released' | 'lost'
    /** How long the request has waited, in milliseconds. */
    readonly waitedMs: number
    /** How many requests of this process are waiting for locks of this `name`. */
    readonly waiting: number
    /** How many locks of this `name` this process holds. */
    readonly held: number
    readonly request: IncomingMessage
  }
  /**
   * Somebody took an edit lock, or released or broke one. There is no message for a renewal or for a lock that expires.
   */
  readonly 'edit-lock': ResourceMessage & { readonly event: 'taken' | 'released' }
  /** The state of a resource was read from its adapter. */
  readonly read: { readonly name: string; readonly tookMs: number; readonly failed: boolean }
}

/** The last part of each channel's name. */
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

/** Whether anybody has subscribed. Check it before computing what only a message needs. */
export function isHeard(name: ConflictChannel): boolean {
  return CHANNELS[name].hasSubscribers
}

/** Creates and publishes the message, if anybody has subscribed. */
export function publish<K extends ConflictChannel>(name: K, message: () => ConflictEvents[K]): void {
  const { [name]: to } = CHANNELS
  if (to.hasSubscribers) to.publish(message())
}

/** Returns a function that ends the subscription. */
export function subscribe<K extends ConflictChannel>(
  name: K,
  listener: (message: ConflictEvents[K]) => void,
): () => void {
  const onMessage = (message: unknown) => listener(message as ConflictEvents[K])
  CHANNELS[name].subscribe(onMessage)
  return () => void CHANNELS[name].unsubscribe(onMessage)
}

/** Emits a warning for the operator, about an error that does not concern the client. */
export function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : new Error(String(error)))
}

/** A mistake in a listener must not change the client's answer, and a late rejection must not end the process. */
export function callListener(listener: () => unknown): void {
  try {
    const result = listener()
    if (result !== undefined) Promise.resolve(result).catch(warn)
  } catch (error) {
    warn(error)
  }
}
