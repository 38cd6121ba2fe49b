import type { IncomingHttpHeaders } from 'node:http'
import type { Request, Response } from 'express'
import type { ConflictError } from '../../conflicts/conflicts'
import type { ResourceState } from '../../contracts/adapter'
import type { Lease } from '../../contracts/lock'
import type { EntityTag } from '../../http/entity-tag'
import type { ParsedConditions } from '../../http/preconditions'
import type { Change } from '../../rules/change'
import type { Definition } from '../options/definition'
import type { EditLock } from '../options/edit-locks'
import type { OpenTransaction } from './open-transaction'

/** One resource that is guarded on one request: what the stages share. */
export interface GuardedRequest<T> extends RequestFacts<T> {
  // What changes on the way. Each member names the rooms that write it; a spec compares that with the sources.

  /** For a new resource: filled in when its key is made. By `change` and `commit`. */
  key: string | undefined
  /** By `chain`, and by `commit` after a lost race. */
  attempt: Attempt<T> | undefined
  /** By `preconditions`. */
  conditions: ParsedConditions | undefined
  /** The body as the client meant it; `undefined` until stage 4 has looked. By `stages`. */
  sent: Sent | undefined
  /** With `isolation: 'transaction'`, on a request that may change something. By `commit`. */
  transaction: OpenTransaction<T> | undefined
  /** By `commit`. */
  progress: Progress
  /** The new representation as JSON, if that was written to compare it with what was sent. By `commit`. */
  newText: string | undefined
  /** What was read before the state is asked for, for the next read. By `state`. */
  readAhead: { readonly state: ResourceState<T> | undefined } | undefined
  /** The handler runs before the answer becomes 304. By `chain`. */
  notModifiedLate: boolean
  /** In report mode: listeners know what would have refused the request. By `request`. */
  isReported: boolean
}

/** What is fixed when the chain begins, and three lists that grow. */
export interface RequestFacts<T> {
  readonly req: Request
  readonly res: Response
  /** Copied from the request, which has a shape of its own in Express: one read there costs as much as many here. */
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly settings: Definition<T>
  readonly isSafe: boolean
  /** The request is about something below the resource, such as a comment of it. */
  readonly isAbove: boolean
  /** POST that names no resource. */
  readonly isNew: boolean
  /** The stages that have run, in order. A commit that lost its race runs them again. */
  readonly stages: Stage[]
  /** The locks that are held for it. */
  readonly leases: Lease[]
  /** The validators that were put on the answer, so that they can be removed if the status does not allow them. */
  readonly shown: { readonly field: string; readonly value: string }[]
}

/** How far the change has come. `ended`: without being committed, and for good. */
export type Progress =
  | { readonly at: 'open' | 'committing' | 'committed' | 'reported' }
  | { readonly at: 'ended'; readonly error: unknown }

export interface Sent {
  readonly format: 'value' | 'merge-patch' | 'json-patch'
  readonly document: unknown
  /** The version that body or query named. */
  readonly version: string | undefined
  /** The document as it came, where the router has parsed it. */
  readonly text?: string | undefined
}

/** The request compared with one state. A lost race makes a new attempt. */
export interface Attempt<T> {
  /** What is stored, tombstones included. */
  readonly stored: ResourceState<T> | undefined
  readonly afterLostRace: boolean
  /** By `stages` and `change`. */
  change: Change<T>
  /** What the schema says of a new resource until the handler fills in what only the server sets. By `stages`. */
  incomplete?: ConflictError | undefined
  /** The tag of the state that the change was merged with, when it was made from an older one. By `change`. */
  mergedWith?: string | undefined
  /** The states since the one that the change was made from: the handler's own value must keep their changes. By `change`. */
  mergedFrom?: { readonly since: readonly ResourceState<T>[]; readonly refusal: ConflictError } | undefined
  /** By `request`. */
  tags: readonly EntityTag[] | undefined
  /** By `preconditions`. */
  verdict: Verdict | undefined
  /** The current edit lock, if the chain has looked for one. By `edit-locks`. */
  editLock?: EditLock | undefined
}

/** What the conditions of the request say about a state. */
export type Verdict =
  | { readonly outcome: 'proceed' | 'not-modified' | 'already-applied' }
  | { readonly outcome: 'conflict'; readonly conflict: ConflictError }

export interface Stage {
  readonly name: string
  /**
   * `enters`: before the state is read. `reads`: the state is read for it. Both may stand in front of the chain of a
   * nested resource. `judges`: the request is about this resource, and stages in front of it have read the state.
   */
  readonly role: 'enters' | 'reads' | 'judges'
  /** What can be said before anything was read. */
  prepare?<T>(guarded: GuardedRequest<T>): ConflictError | undefined
  /** What has to be waited for before the state is read. `'answered'`: there is nothing left to do. */
  enter?<T>(
    guarded: GuardedRequest<T>,
    next: (error?: unknown) => void,
  ): Promise<ConflictError | 'answered' | undefined>
  /** What can be said of one state. Runs again after a lost race. */
  check?<T>(
    guarded: GuardedRequest<T>,
    attempt: Attempt<T>,
  ): ConflictError | undefined | Promise<ConflictError | undefined>
}

/**
 * A request that a chain let through. `skipped`: by its method, by `skip`, or because it names no resource.
 * `elsewhere`: its path is another one than the chain's, and nothing was decided about it. `misplaced`: the same, from a
 * chain that passes all that is below its mount.
 */
export interface Passed<T> {
  readonly passed: Definition<T>
  readonly because: 'skipped' | 'elsewhere' | 'misplaced'
}

type Entry<T> = GuardedRequest<T> | Passed<T>

// Shared with other copies of this package, which are loaded sooner than one thinks. It hangs on an array of the
// request: a member more on the request itself was measured at 10 µs, for each request has a shape of its own.
const GUARDED = Symbol.for('express-conflict.guarded')

interface Carrier {
  [GUARDED]?: Entry<unknown>[]
}

function entriesOn(req: Request): Entry<unknown>[] | undefined {
  // A request that a test has made up may have none.
  return (req?.rawHeaders as Carrier | undefined)?.[GUARDED]
}

export function remember<T>(req: Request, entry: Entry<T>): void {
  // Stored without its T: `find` gives it back by the definition, which is the only thing that knows it.
  const untyped = entry as unknown as Entry<unknown>
  const carrier = req.rawHeaders as Carrier
  if (carrier[GUARDED]) carrier[GUARDED].push(untyped)
  else carrier[GUARDED] = [untyped]
}

/** What the last chain of this definition left on the request. */
export function find<T>(req: Request, definition: Definition<T>): Entry<T> | undefined {
  const entries = entriesOn(req) as unknown as Entry<T>[] | undefined
  return entries?.findLast((each) => ('passed' in each ? each.passed : each.settings) === definition)
}

/** The name of the chain that stands above the resource of a request which none has guarded, if there is one. */
export function misplacedOn(req: Request): string | undefined {
  const entries = entriesOn(req) ?? NONE
  if (!entries.every((each) => 'passed' in each)) return undefined
  return entries.find(({ because }) => because === 'misplaced')?.passed.name
}

/** Everything that is guarded on the request, in the order in which it began. */
export function guardedOn(req: Request): GuardedRequest<unknown>[] {
  return (entriesOn(req) ?? NONE).filter((each) => !('passed' in each)) as GuardedRequest<unknown>[]
}

/** All locks that are held for the request, those on its parents too. */
export function leasesOn(req: Request): Lease[] {
  return guardedOn(req).flatMap(({ leases }) => leases)
}

const NONE: Entry<unknown>[] = []

/**
 * What the request changes: the resource of the innermost chain. A parent is not, not even when the chain of the child
 * let the request pass.
 */
export function findTarget(req: Request): GuardedRequest<unknown> | undefined {
  const entry = entriesOn(req)?.findLast((each) => ('passed' in each ? each.because === 'skipped' : !isParent(each)))
  return entry && 'passed' in entry ? undefined : entry
}

/** Committed, or reported in place of that: there is nothing left to commit. */
export function isDone<T>({ progress }: GuardedRequest<T>): boolean {
  return progress.at === 'committed' || progress.at === 'reported'
}

/** A resource that was locked, or whose state was fetched, for the sake of another one below it. */
export function isParent<T>({ stages }: GuardedRequest<T>): boolean {
  return !stages.some(({ role }) => role === 'judges')
}
