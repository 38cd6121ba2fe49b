import { sameJson } from '../json/equal'
import { parseArrayKeys } from '../json/members'
import { checkOptions, refuseUnknown } from '../options'
import {
  type Answer,
  type ChangeOptions,
  CLIENT_OPTIONS,
  type ClientOptions,
  type PostOptions,
  REQUEST_OPTIONS,
  type RequestOptions,
  type ResolvingOptions,
  type WatchEvent,
  type WatchOptions,
} from './options'
import { unknownOutcome } from './problem-error'
import { requestsOf } from './requests'
import { type Again, askResolver, mustBeMade, putResolving, refusalOf } from './resolving'
import { watchStream } from './watching'

/** Requests that never undo a change of somebody else. They throw a `ProblemError` if the server refuses the request. */
export interface Client {
  /** Reads a resource. Sends the remembered tag as `If-None-Match`, and returns the remembered value if nothing is new. */
  get<T>(url: string, options?: RequestOptions): Promise<Answer<T>>
  /** Replaces a resource that was read; creates one that was not (`If-None-Match: *`). Without a resolver it throws on a conflict. */
  put<T>(url: string, value: T, options?: ResolvingOptions<T>): Promise<Answer<T | undefined>>
  /** Changes a resource that was read, by a merge patch, or by a JSON Patch if `patch` is an array. */
  patch<T>(url: string, patch: unknown, options?: ChangeOptions): Promise<Answer<T | undefined>>
  /** Removes a resource that was read. 404 or 410 is a success if an earlier try, whose answer was lost, may have removed it. */
  delete<T>(url: string, options?: ChangeOptions): Promise<Answer<T | undefined>>
  /** Creates a resource, or runs an action: once, however often the request has to be sent. */
  post<T>(url: string, value?: unknown, options?: PostOptions): Promise<Answer<T | undefined>>
  /**
   * Reads, calls `change`, and stores what it returns; `undefined`, or the same value, stores nothing. If somebody else was
   * faster, `resolve` decides; without it, `change` is called again with what they stored.
   */
  update<T>(
    url: string,
    change: (current: T) => T | undefined | Promise<T | undefined>,
    options?: Omit<ResolvingOptions<T>, 'condition' | 'from'>,
  ): Promise<Answer<T>>
  /**
   * Calls the listener for each change that others make to a resource: `watch('articles/1', listener)`. Uses server-sent
   * events. After a lost connection it reconnects and gets what it missed. Returns a function that stops it.
   */
  watch<T>(url: string, listener: (event: WatchEvent<T>) => void, options?: WatchOptions): () => void
  /** Drops what is remembered of one resource, or of all. Call it when another user signs in. */
  forget(url?: string): void
}

/** Creates a client for any server that follows RFC 9110. It does more with a server that sends the problems of this package. */
export function createClient(options: ClientOptions = {}): Client {
  checkOptions('createClient()', options, CLIENT_OPTIONS)
  mustBeMade(options.resolve)
  const { tries = 5 } = options
  const requests = requestsOf(options)
  const { absolute, memory } = requests
  const merging = { arrayKeys: parseArrayKeys(options.arrayKeys ?? {}) }
  const withResolver = <T>(own: ResolvingOptions<T>) => ({
    ...own,
    resolve: mustBeMade(own.resolve) ?? options.resolve,
  })

  async function change<T>(method: string, relative: string, value: unknown, own: ChangeOptions): Promise<Answer<T>> {
    const url = absolute(relative)
    const changed = await requests.change(method, url, value, requests.seenBy(url, own), own)
    if (changed.refusal) throw refusalOf(changed)
    return changed.answer as Answer<T>
  }

  return {
    async get(url, own = {}) {
      return (await requests.read(absolute(url), own)).answer as Answer<never>
    },

    async put(relative, value, own = {}) {
      const url = absolute(relative)
      const seen = requests.seenBy(url, own)
      const resolving = withResolver(own)
      // If the caller gives its own condition, nobody knows which value the change was based on.
      const again =
        seen?.text && own.condition === undefined ? askResolver(url, seen, value, resolving, merging) : undefined
      return putResolving(requests, url, value, seen, resolving, again, tries) as Promise<Answer<never>>
    },

    patch: (url, patch, own = {}) => change('PATCH', url, patch, own),
    delete: (url, own = {}) => change('DELETE', url, undefined, own),

    async post(url, value, own = {}) {
      return requests.post(absolute(url), value, own) as Promise<Answer<never>>
    },

    async update<T>(
      relative: string,
      change: (current: T) => T | undefined | Promise<T | undefined>,
      own: ResolvingOptions<T> = {},
    ) {
      const resolving = withResolver(own)
      const url = absolute(relative)
      const read = await requests.read(url, own)
      const mine = await change(JSON.parse(read.seen.text))
      if (mine === undefined || sameJson(mine, read.answer.value)) return read.answer as Answer<T>
      const anew: Again<T> = async (theirs, refusal, afterUnknown) => {
        if (afterUnknown) throw unknownOutcome(refusal)
        return (await change(JSON.parse(theirs.seen.text))) ?? (theirs.answer.value as T)
      }
      const again = askResolver(url, read.seen, mine, resolving, merging) ?? anew
      const answer = await putResolving(requests, url, mine, read.seen, resolving, again, tries)
      // If something else was stored than what was sent, only a read shows what.
      return (answer.etag ? answer : (await requests.read(url, own)).answer) as Answer<T>
    },

    watch(relative, listener, own = {}) {
      const url = absolute(relative)
      refuseUnknown('watch()', own, REQUEST_OPTIONS)
      if (typeof listener !== 'function') throw new TypeError('watch(): the second argument has to be a function.')
      const ended = new AbortController()
      const signal = own.signal ? AbortSignal.any([ended.signal, own.signal]) : ended.signal
      watchStream(
        {
          known: () => requests.seenBy(url, own),
          answered: () => requests.answered(url),
          read: () => requests.readUnremembered(url, { ...own, signal }),
          connect: (fields) =>
            requests.connect(own.at === undefined ? `${url}/changes` : absolute(own.at), fields, { ...own, signal }),
          listener,
          merging,
        },
        signal,
      ).catch((refusal) => own.onRefused?.(refusal))
      return () => ended.abort()
    },

    forget: (url) => memory.forget(url === undefined ? undefined : absolute(url)),
  }
}
