import { randomUUID } from 'node:crypto'
import type { Request } from 'express'
import { answerOf, type ConflictError } from '../../conflicts/conflicts'
import type { ResourceState } from '../../contracts/adapter'
import { alike, carryMembers, pairOf } from '../../json/members'
import { applyMergePatch, applyPatch, type PatchFailure, removeNulled } from '../../json/patch'
import { show } from '../../options'
import {
  carryHidden,
  carryReadOnlyAndWriteOnly,
  type MemberRules,
  misplacedUnseen,
  proposeNew,
  revealedMembers,
  type SchemaMarks,
  withKey,
} from '../../rules/protected-members'
import type { Checked, SchemaError } from '../../schema/json-schema'
import { belowRequest, type Definition } from '../options/definition'
import type { Attempt, GuardedRequest, RequestFacts, Sent } from '../request/guarded-request'
import { representationOf, shownMembers } from '../request/validators'
import { unsafeDocument } from './body'

/** The value that a request would make of a state. */
export interface Proposal {
  readonly value?: unknown
  /** The value as the client sent it, before members that it may not set were put back. */
  readonly sent?: unknown
  /** Members that the schema annotates, in the stored value and in the one that the client would have. */
  readonly marks: SchemaMarks
  /** Where hidden members would end up in a different item. */
  readonly misplaced: readonly string[]
  /** Members that a patch keeps, and that would be shown from now on although they were not. */
  readonly revealed: readonly string[]
  readonly conflict?: ConflictError | undefined
  /** What is wrong with a new resource until the handler fills in the members that only the server sets. */
  readonly incomplete?: ConflictError | undefined
  /** `true` for a patch: its value or conflict reveals a state that the client may not have seen. */
  readonly tellsState: boolean
}

const NO_MARKS: SchemaMarks = { readOnly: undefined, writeOnly: undefined }
const NOTHING: Proposal = { marks: NO_MARKS, misplaced: [], revealed: [], tellsState: false }

export function propose<T>(guarded: GuardedRequest<T>, attempt: Attempt<T>): Proposal | Promise<Proposal> {
  const { sent } = guarded
  const { action, current } = attempt.change
  if (sent === undefined) return NOTHING
  if (action === 'create') return proposeCreation(guarded, sent)
  return current === undefined ? NOTHING : proposeUpdate(guarded, current, sent)
}

function proposeCreation<T>(guarded: GuardedRequest<T>, sent: Sent): Proposal | Promise<Proposal> {
  const { settings } = guarded
  const draft = proposeNew(sent.document, settings.schema?.readOnlyIn(sent.document), settings.members)
  // The key is made before the schema is checked, because the value may have to contain it.
  if (guarded.isNew && !settings.adapter.create && guarded.key === undefined) {
    try {
      guarded.key = keyOfNew(guarded, draft as T)
    } catch (error) {
      return after(check(settings, draft, true), (checked) => {
        // If the schema refuses the value, the function that makes keys is not to blame.
        if (checked.ok) throw error
        return { ...NOTHING, conflict: schemaConflict(settings, checked.errors) }
      })
    }
  }
  const value = withKey(draft, undefined, guarded.key, settings.members)
  return after(check(settings, value, true), (checked) => {
    if (!checked.ok) return { ...NOTHING, value, conflict: schemaConflict(settings, checked.errors) }
    const incomplete = checked.missing && schemaConflict(settings, checked.missing)
    // Written out, because spreading an object and adding members takes 20 times as long.
    const { marks, misplaced, revealed, tellsState } = NOTHING
    return { value: checked.value, sent: sent.document, marks, misplaced, revealed, incomplete, tellsState }
  })
}

function proposeUpdate<T>(
  guarded: Pick<GuardedRequest<T>, 'key' | 'settings'>,
  current: ResourceState<T>,
  sent: Sent,
): Proposal | Promise<Proposal> {
  const { key, settings } = guarded
  const { members } = settings
  const next = sent.format === 'value' ? { ok: true as const, value: sent.document } : patched(guarded, current, sent)
  if (!next.ok)
    return { ...NOTHING, conflict: patchConflict(next.failure), tellsState: next.failure.reason !== 'malformed' }
  // A merge patch adds only what one side had. A JSON Patch can combine harmless parts into something unsafe.
  const unsafe = sent.format === 'json-patch' ? unsafeDocument('The patched resource', next.value) : undefined
  if (unsafe) return { ...NOTHING, conflict: unsafe, tellsState: true }
  const whole = carryHidden(next.value, current.value, members)
  const own = asSchemaSays(settings, whole, current.value, sent)
  const { marks, revealed } = own
  const tellsState = sent.format !== 'value'
  const misplaced = misplacedUnseen(current.value, own.value, marks, members)
  const value = withKey(own.value, current.value, key, members)
  return after(check(settings, value, true), (checked) => {
    const conflict = checked.ok ? undefined : schemaConflict(settings, checked.errors)
    const made = checked.ok ? checked.value : value
    return { value: made, sent: next.value, marks, misplaced, revealed, conflict, tellsState }
  })
}

/** The new value, with the stored members that a client cannot set or see according to the schema. */
function asSchemaSays<T>(
  { schema, members }: Pick<Definition<T>, 'schema' | 'members'>,
  whole: unknown,
  stored: unknown,
  { format, document }: Sent,
): Required<Pick<Proposal, 'value' | 'marks' | 'revealed'>> {
  if (schema === undefined) return { value: whole, marks: NO_MARKS, revealed: [] }
  const marks = {
    // From both values: members that only the server sets may be missing from the stored one.
    readOnly: pairOf(schema.readOnlyIn(stored), schema.readOnlyIn(whole)),
    writeOnly: pairOf(schema.writeOnlyIn(stored), schema.writeOnlyIn(whole)),
  }
  const kept = carryReadOnlyAndWriteOnly(whole, stored, marks, members)
  // In a merge patch null removes a member, even one that the client cannot see.
  const meant = format === 'merge-patch' ? removeNulled(kept, document, marks.writeOnly?.before) : kept
  const unseen = revealedMembers([whole, meant], stored, marks, schema.writeOnlyIn, members)
  // A PUT leaves out what it does not name. A patch keeps it.
  return format === 'value'
    ? { value: unseen.value, marks, revealed: [] }
    : { value: meant, marks, revealed: unseen.pointers }
}

function patched<T>(
  guarded: Pick<GuardedRequest<T>, 'key' | 'settings'>,
  current: ResourceState<T>,
  { format, document }: Sent,
) {
  // The version was already taken out of a merge patch. In a JSON Patch, `test` may refer to it as a member.
  if (format === 'json-patch') return applyPatch(representationOf(guarded, current), document)
  return { ok: true as const, value: applyMergePatch(shownMembers(guarded, current.value), document) }
}

/** Validates and converts a value. Hidden members are kept even if the schema strips members that it does not know. */
export function check<T>(
  { schema, members }: Pick<Definition<T>, 'schema' | 'members'>,
  value: unknown,
  isDraft: boolean,
): Checked | Promise<Checked> {
  if (schema === undefined) return { ok: true, value }
  return after(schema.check(value, isDraft), (checked) => {
    if (!checked.ok || checked.value === value || !members.hidden) return checked
    return { ...checked, value: withHiddenOf(value, checked.value, members) }
  })
}

function withHiddenOf(value: unknown, made: unknown, { hidden, arrayKeys }: MemberRules): unknown {
  return carryMembers(alike(hidden), value, made, arrayKeys)
}

export function schemaConflict<T>(
  { options }: Pick<Definition<T>, 'options'>,
  errors: readonly SchemaError[],
): ConflictError {
  const [first] = errors
  const detail = first && `${first.instancePath === '' ? 'The resource' : first.instancePath} ${first.message}.`
  return answerOf('schema_invalid', { status: options.status?.schema_invalid, detail, errors: [...errors] })
}

/** Continues synchronously unless there is something to wait for; with most schemas there is not. */
export function after<A, B>(value: A | Promise<A>, next: (value: A) => B): B | Promise<B> {
  return value instanceof Promise ? value.then(next) : next(value)
}

function patchConflict(failure: PatchFailure): ConflictError {
  switch (failure.reason) {
    case 'malformed':
      return answerOf('malformed_body', { detail: failure.detail })
    case 'too-large':
      return answerOf('content_too_large', { detail: failure.detail })
    case 'failed': {
      const { index, pointer, op, detail } = failure
      return answerOf('patch_failed', { detail, conflicts: [{ pointer, kind: op, index }] })
    }
  }
}

/** The key of a new resource, if the store does not generate it. */
export function keyOfNew<T>({ settings, req }: RequestFacts<T>, value: T | undefined): string {
  const key: unknown = value === undefined ? undefined : settings.generateKey(value, req)
  if (typeof key === 'string' && key !== '') return key
  throw new Error(`generateKey of the ${settings.name} gave ${show(key)}; it has to give a non-empty string.`)
}

const known = new WeakSet<object>()

/**
 * Checks that the `key` option finds a new resource again at the `Location` of the 201. Otherwise the client would get
 * the address of another resource, or of none. Tried once, before anything is written.
 */
export function mustLeadBack<T>({ settings, req }: RequestFacts<T>): void {
  const { options, location, name } = settings
  if (options.key === undefined || location !== belowRequest || known.has(options)) return
  // A store generates a number or a UUID, and `key` may accept only one of them.
  const made =
    settings.adapter.create || options.generateKey === undefined ? ['1', randomUUID()] : ['1', 'a', randomUUID()]
  if (!made.some((key) => keyAt(req, settings, key) === key)) {
    const key = made.at(-1) ?? ''
    throw new Error(
      `express-conflict: what POST creates as a ${name} would get the Location ${belowRequest(req, '<key>')}, and the key option makes ${show(keyAt(req, settings, key))} of <key> = ${show(key)}, which is another resource. Give generateKey: (value, req) => the whole key, and location: (req, key) => the path that leads back to it.`,
    )
  }
  known.add(options)
}

/** The key that the `key` option finds in a request to the Location. Every parameter that it asks for is there. */
function keyAt<T>(req: Request, { options }: Definition<T>, made: string): unknown {
  const params = new Proxy(req.params, { get: (own, parameter) => Reflect.get(own, parameter) ?? made })
  try {
    return options.key?.(Object.create(req, { params: { value: params } }), params as Record<string, string>)
  } catch {
    return undefined
  }
}
