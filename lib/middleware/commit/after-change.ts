import { validateHeaderValue } from 'node:http'
import { ConflictError } from '../../conflicts/conflicts'
import { type ConflictEvents, callListener, publish, warn } from '../../conflicts/events'
import type { ResourceState } from '../../contracts/adapter'
import { purgeOf } from '../../http/cache-groups'
import { type EntityTag, formatEntityTag } from '../../http/entity-tag'
import type { KeptAnswer } from '../../idempotency/record'
import { changedPointers, sameJson } from '../../json/equal'
import type { Change } from '../../rules/change'
import { retryAfterS } from '../../timing/retry-after'
import { belowRequest } from '../options/definition'
import { isConditional } from '../preconditions/verdict'
import { claimOn } from '../request/claimed-request'
import type { Attempt, GuardedRequest } from '../request/guarded-request'
import { aboutResource } from '../request/route'
import { representationOf, show, showValidators, tagsFor } from '../request/validators'

/** The result of a commit. `unchanged`: the change had been made before, so nothing was written. */
export type Committed<T> =
  | {
      readonly outcome: 'created' | 'replaced' | 'unchanged'
      readonly key: string
      readonly state: ResourceState<T>
      /** The new value as clients see it, without hidden members and with the version field. Use it for the answer. */
      readonly representation: unknown
      /** Where a resource that was just created is found. */
      readonly location?: string
    }
  | {
      readonly outcome: 'removed'
      readonly key: string
      readonly state: undefined
      readonly representation?: undefined
    }

const COMMITTED = { at: 'committed' } as const

export function committed<T>(
  guarded: GuardedRequest<T>,
  change: Change<T>,
  state: ResourceState<T> | undefined,
  tries: number,
): Committed<T> {
  const { settings, req, res, key = '' } = guarded
  guarded.progress = COMMITTED
  const outcome = state === undefined ? 'removed' : change.current === undefined ? 'created' : 'replaced'
  const location = state && locationOfNew(guarded, change)
  const { onCommitted } = settings.options
  const about = { name: settings.name, key: guarded.key, isNew: guarded.isNew }
  const purge = () => purgeOf(about, req.originalUrl, location ?? locationByApp(guarded))
  if (onCommitted) {
    const conditional = isConditional(guarded)
    callListener(() =>
      onCommitted({ name: settings.name, key, outcome, version: state?.version, tries, conditional, purge }),
    )
  }
  publishCommit(guarded, change, state, { outcome, tries, purge })
  const representation = state && representationOf(guarded, state)
  // Another layer may have answered in the meantime, for example after a time-out. The change is still committed.
  if (!res.headersSent) {
    if (state) showAfterChange(guarded, state, representation)
    if (location !== undefined) res.setHeader('Location', location)
  }
  if (state === undefined) return { outcome: 'removed', key, state }
  if (location === undefined)
    return { outcome: outcome === 'created' ? 'created' : 'replaced', key, state, representation }
  return { outcome: 'created', key, state, representation, location }
}

function publishCommit<T>(
  guarded: GuardedRequest<T>,
  { current, proposed }: Change<T>,
  state: ResourceState<T> | undefined,
  told: Pick<ConflictEvents['committed'], 'outcome' | 'tries' | 'purge'>,
): void {
  if (guarded.attempt?.mergedWith !== undefined)
    publish('merge', () => ({ ...aboutResource(guarded), version: state?.version }))
  publish('committed', () => ({
    ...aboutResource(guarded),
    key: guarded.key ?? '',
    ...{ ...told, version: state?.version, previousVersion: current?.version },
    conditional: isConditional(guarded),
    changed: () => changedPointers(current?.value, proposed, 20),
  }))
}

/** The URI of a resource that a POST has created. */
function locationOfNew<T>(guarded: GuardedRequest<T>, change: Change<T>): string | undefined {
  return change.current === undefined && guarded.isNew ? locationOf(guarded, guarded.key ?? '') : undefined
}

/** The path of the resource, if the app has a `location` option. Otherwise it is the path of the request. */
function locationByApp<T>(guarded: GuardedRequest<T>): string | undefined {
  return guarded.settings.options.location && locationOf(guarded, guarded.key ?? '')
}

/** Never throws: the resource has been created, and after an error the client would create it again. */
function locationOf<T>({ settings, req }: GuardedRequest<T>, key: string): string {
  try {
    const location: unknown = settings.location(req, key)
    if (typeof location !== 'string') throw new TypeError(`location of the ${settings.name} has to give a string.`)
    validateHeaderValue('Location', location)
    return location
  } catch (error) {
    warn(error)
    return belowRequest(req, key)
  }
}

/** Records that `reportChange` has answered, so nothing is left to commit. */
export function reported<T>(guarded: GuardedRequest<T>): void {
  guarded.progress = { at: 'reported' }
}

export function unchanged<T>(guarded: GuardedRequest<T>, { change }: Attempt<T>): Committed<T> {
  const { key = '' } = guarded
  guarded.progress = COMMITTED
  if (change.current === undefined) return { outcome: 'removed', key, state: undefined }
  const representation = representationOf(guarded, change.current)
  if (!guarded.res.headersSent) showAfterChange(guarded, change.current, representation)
  return { outcome: 'unchanged', key, state: change.current, representation }
}

/** RFC 9110 §9.3.4: the answer to a PUT has validators only if the value was stored as it was sent. */
function showAfterChange<T>(guarded: GuardedRequest<T>, state: ResourceState<T>, representation: unknown): void {
  const { settings } = guarded
  const [tag] = tagsFor(guarded, state)
  const { tagHeader } = settings.options
  if (tag && tagHeader !== undefined) show(guarded, tagHeader, formatEntityTag(tag))
  const mergedWith = guarded.attempt?.mergedWith
  if (mergedWith !== undefined) show(guarded, 'Merged-With', mergedWith)
  if (mayShow(guarded, representation)) showValidators(guarded, state, tag)
}

/** The tag that the answer to the change shows. */
function tagAfterChange<T>(guarded: GuardedRequest<T>, state: ResourceState<T>): EntityTag | undefined {
  return mayShow(guarded, representationOf(guarded, state)) ? tagsFor(guarded, state)[0] : undefined
}

function mayShow<T>(guarded: GuardedRequest<T>, representation: unknown): boolean {
  const { method, sent } = guarded
  if (method !== 'PUT') return true
  if (sent === undefined) return false
  if (sent.text !== undefined) {
    // The answer needs the text anyway, and comparing texts is ten times faster than comparing values.
    guarded.newText = JSON.stringify(representation)
    if (guarded.newText === sent.text) return true
  }
  return sameJson(representation, sent.document)
}

/**
 * Stores the record of an Idempotency-Key in the transaction of the change, so that both are committed or neither is.
 * If the store has no `within`, this does nothing, and the record is stored after the change.
 */
export async function recordChange<T>(
  guarded: GuardedRequest<T>,
  change: Change<T>,
  state: ResourceState<T> | undefined,
  handle: unknown,
): Promise<void> {
  const claimed = claimOn(guarded.req)
  const store = guarded.transaction && claimed?.store.within?.(handle)
  if (!claimed?.claim || !store) return
  const answer = answerOfChange(guarded, change, state)
  if (await claimed.claim.commit(answer, store)) return
  // Another request considered this one dead and ran in its place, so this one must not commit.
  throw new ConflictError('idempotency_in_progress', { retryAfterS: retryAfterS() })
}

/** Notes that the change was made, in case something fails after the commit. */
export function noteChange<T>(
  guarded: GuardedRequest<T>,
  change: Change<T>,
  state: ResourceState<T> | undefined,
): void {
  const claimed = claimOn(guarded.req)
  if (claimed) claimed.committed = () => answerOfChange(guarded, change, state)
}

/** The answer for a repetition if the change's own answer is not known: the status, the new tag and the location. */
function answerOfChange<T>(
  guarded: GuardedRequest<T>,
  change: Change<T>,
  state: ResourceState<T> | undefined,
): KeptAnswer {
  const tag = state && tagAfterChange(guarded, state)
  const location = state && locationOfNew(guarded, change)
  const headers: [string, string][] = []
  if (tag) headers.push(['etag', formatEntityTag(tag)])
  if (location !== undefined) headers.push(['location', location])
  const isCreated = state !== undefined && change.current === undefined
  return { status: isCreated ? 201 : 204, headers, body: Buffer.alloc(0) }
}
