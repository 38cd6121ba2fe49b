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

/** A resource that is guarded on a request: the data that the stages share. */
export interface GuardedRequest<T> extends RequestFacts<T> {
  // What changes on the way. Each member names the rooms that write it; a spec compares that with the sources.

  /** For a new resource: filled in when its key is made. By `change` and `commit`. */
  key: string | undefined
  /** By `chain`, and by `commit` after a lost race. */
  attempt: Attempt<T> | undefined
  /** By `preconditions`. */
  conditions: ParsedConditions | undefined
  /** The body as the client meant it; `undefined` until stage 4 has read it. By `stages`. */
  sent: Sent | undefined
  /** With `isolation: 'transaction'`, on a request that may change something. By `commit`. */
  transaction: OpenTransaction<T> | undefined
  /** By `commit`. */
  progress: Progress
  /** The new representation as JSON, if that was written to compare it with what was sent. By `commit`. */
  newText: string | undefined
  /** A state that was read early, for the next read. By `state`. */
  readAhead: { readonly state: ResourceState<T> | undefined } | undefined
  /** The handler runs before the answer becomes 304. By `chain`. */
  notModifiedLate: boolean
  /** In report mode: listeners know what would have refused the request. By `request`. */
  isReported: boolean
}

/** The members that are fixed when the chain begins, and three lists that grow. */
export interface RequestFacts<T> {
  readonly req: Request
  readonly res: Response
  /** Copied from the request: every Express request has its own hidden class, so reading from it is slow. */
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
  /** The locks that are held for the request. */
  readonly leases: Lease[]
  /** The validators that were put on the answer, so that they can be removed if the status does not allow them. */
  readonly shown: { readonly field: string; readonly value: string }[]
}

/** How far the change has come. `ended`: it was not committed, and never will be. */
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
  /** The states since the base of the change, whose changes the handler's own value must keep. By `change`. */
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
   * `enters`: runs before the state is read. `reads`: has the state read. Both can stand in front of the chain of a
   * nested resource. `judges`: the request is about this resource, and an earlier stage has read its state.
   */
  readonly role: 'enters' | 'reads' | 'judges'
  /** Refuses what can be refused before anything is read. */
  prepare?<T>(guarded: GuardedRequest<T>): ConflictError | undefined
  /** Waits for something, such as a lock, before the state is read. `'answered'`: there is nothing left to do. */
  enter?<T>(
    guarded: GuardedRequest<T>,
    next: (error?: unknown) => void,
  ): Promise<ConflictError | 'answered' | undefined>
  /** Checks one state. Runs again after a lost race. */
  check?<T>(
    guarded: GuardedRequest<T>,
    attempt: Attempt<T>,
  ): ConflictError | undefined | Promise<ConflictError | undefined>
}

/**
 * A request that a chain let through. `skipped`: because of its method, of `skip`, or because it names no resource.
 * `elsewhere`: because its path is not that of the chain, which decided nothing about it. `misplaced`: the same, and
 * the chain would let everything below its mount through.
 */
export interface Passed<T> {
  readonly passed: Definition<T>
  readonly because: 'skipped' | 'elsewhere' | 'misplaced'
}

type Entry<T> = GuardedRequest<T> | Passed<T>

// Shared with other copies of this package in the same process. It is set on an array of the request, because a new
// member on the request itself costs 10 µs: every request has its own hidden class.
const GUARDED = Symbol.for('express-conflict.guarded')

interface Carrier {
  [GUARDED]?: Entry<unknown>[]
}

function entriesOn(req: Request): Entry<unknown>[] | undefined {
  // A mock request in a test may have none.
  return (req?.rawHeaders as Carrier | undefined)?.[GUARDED]
}

export function remember<T>(req: Request, entry: Entry<T>): void {
  // Stored without its T: `find` restores it from the definition, which knows it.
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

/** The name of a misplaced chain above the resource, if no chain guards the request. */
export function misplacedOn(req: Request): string | undefined {
  const entries = entriesOn(req) ?? NONE
  if (!entries.every((each) => 'passed' in each)) return undefined
  return entries.find(({ because }) => because === 'misplaced')?.passed.name
}

/** Everything that is guarded on the request, in the order in which it began. */
export function guardedOn(req: Request): GuardedRequest<unknown>[] {
  const guarded: GuardedRequest<unknown>[] = []
  for (const each of entriesOn(req) ?? NONE) if (!('passed' in each)) guarded.push(each)
  return guarded
}

/** All locks that are held for the request, those on its parents too. */
export function leasesOn(req: Request): Lease[] {
  const leases: Lease[] = []
  for (const each of entriesOn(req) ?? NONE) if (!('passed' in each)) leases.push(...each.leases)
  return leases
}

const NONE: Entry<unknown>[] = []

/**
 * The resource that the request changes: that of the innermost chain. It is never a parent, not even if the child's
 * chain let the request through.
 */
export function findTarget(req: Request): GuardedRequest<unknown> | undefined {
  for (const each of (entriesOn(req) ?? NONE).toReversed()) {
    const isPassed = 'passed' in each
    if (isPassed && each.because === 'skipped') return undefined
    if (!isPassed && !isParent(each)) return each
  }
  return undefined
}

/** Committed, or reported in place of that: there is nothing left to commit. */
export function isDone<T>({ progress }: GuardedRequest<T>): boolean {
  return progress.at === 'committed' || progress.at === 'reported'
}

/** A resource that was only locked or fetched for the sake of a resource below it. */
export function isParent<T>({ stages }: GuardedRequest<T>): boolean {
  return !stages.some(({ role }) => role === 'judges')
}
