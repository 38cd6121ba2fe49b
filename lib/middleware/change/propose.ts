import { ConflictError } from '../../conflicts/conflicts'
import type { ResourceState } from '../../contracts/adapter'
import { alike, carryMembers } from '../../json/members'
import { applyMergePatch, removeNulled } from '../../json/merge-patch'
import { applyPatch } from '../../json/patch'
import type { PatchFailure } from '../../json/patch-document'
import {
  type MemberRules,
  misplacedUnseen,
  proposeNew,
  type SchemaMarks,
  withKey,
  withStoredHidden,
  withStoredMembers,
} from '../../rules/change'
import type { Checked, SchemaError } from '../../schema/schema-check'
import type { Definition } from '../options/definition'
import type { Attempt, GuardedRequest, Sent } from '../request/guarded-request'
import { representationOf, shownMembers } from '../request/validators'
import { unsafeDocument } from './body'
import { keyOfNew } from './key-of-new'

/** What a request would make of a state. */
export interface Proposal {
  readonly value?: unknown
  /** The value as the client alone would have it, before members that are not the client's were put back. */
  readonly sent?: unknown
  /** Members that the schema annotates, in the stored value and in the one that the client would have. */
  readonly marks: SchemaMarks
  /** Where members that the client does not see would come to belong to another item. */
  readonly misplaced: readonly string[]
  readonly conflict?: ConflictError | undefined
  /** What is wrong with a new resource as long as the handler does not fill in what only the server sets. */
  readonly incomplete?: ConflictError | undefined
  /** A patch: value and conflict say something of a state that the client may not have seen. */
  readonly tellsState: boolean
}

const NO_MARKS: SchemaMarks = { readOnly: alike(undefined), writeOnly: alike(undefined) }
const NOTHING: Proposal = { marks: NO_MARKS, misplaced: [], tellsState: false }

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
  // Made before the schema is asked: the value may have to name it.
  if (guarded.isNew && !settings.adapter.create && guarded.key === undefined) {
    try {
      guarded.key = keyOfNew(guarded, draft as T)
    } catch (error) {
      return after(check(settings, draft, true), (checked) => {
        // A value that the schema refuses is no mistake of a function that makes keys of valid ones.
        if (checked.ok) throw error
        return { ...NOTHING, conflict: schemaConflict(settings, checked.errors) }
      })
    }
  }
  const value = withKey(draft, undefined, guarded.key, settings.members)
  return after(check(settings, value, true), (checked) => {
    if (!checked.ok) return { ...NOTHING, value, conflict: schemaConflict(settings, checked.errors) }
    const incomplete = checked.missing && schemaConflict(settings, checked.missing)
    return { ...NOTHING, value: checked.value, sent: sent.document, incomplete }
  })
}

function proposeUpdate<T>(
  guarded: GuardedRequest<T>,
  current: ResourceState<T>,
  sent: Sent,
): Proposal | Promise<Proposal> {
  const { key, settings } = guarded
  const { schema, members } = settings
  const next = sent.format === 'value' ? { ok: true as const, value: sent.document } : patched(guarded, current, sent)
  if (!next.ok)
    return { ...NOTHING, conflict: patchConflict(next.failure), tellsState: next.failure.reason !== 'malformed' }
  // A merge leaves nothing that neither side had; a JSON Patch can nest and name what its parts do not.
  const unsafe = sent.format === 'json-patch' ? unsafeDocument('The patched resource', next.value) : undefined
  if (unsafe) return { ...NOTHING, conflict: unsafe, tellsState: true }
  const whole = withStoredHidden(next.value, current.value, members)
  const marks = schema ? marksOfSchema(schema, current.value, whole) : NO_MARKS
  const kept = withStoredMembers(whole, current.value, marks, members)
  // To a merge patch null is "remove it", of what it cannot see as well.
  const meant = sent.format === 'merge-patch' ? removeNulled(kept, sent.document, marks.writeOnly.before) : kept
  const misplaced = misplacedUnseen(current.value, meant, marks, members)
  const value = withKey(meant, current.value, key, members)
  const tellsState = sent.format !== 'value'
  return after(check(settings, value, true), (checked) => {
    const conflict = checked.ok ? undefined : schemaConflict(settings, checked.errors)
    // Written out: to spread an object and add members takes 20 times as long.
    return { value: checked.ok ? checked.value : value, sent: next.value, marks, misplaced, conflict, tellsState }
  })
}

function marksOfSchema(
  schema: NonNullable<Definition<unknown>['schema']>,
  stored: unknown,
  next: unknown,
): SchemaMarks {
  // In both: what only the server sets may be missing from what is stored.
  return {
    readOnly: { before: schema.readOnlyIn(stored), after: schema.readOnlyIn(next) },
    writeOnly: { before: schema.writeOnlyIn(stored), after: schema.writeOnlyIn(next) },
  }
}

function patched<T>(guarded: GuardedRequest<T>, current: ResourceState<T>, { format, document }: Sent) {
  // In a merge patch the version was read already; in a JSON Patch it is a member that `test` may look at.
  if (format === 'json-patch') return applyPatch(representationOf(guarded, current), document)
  return { ok: true as const, value: applyMergePatch(shownMembers(guarded, current.value), document) }
}

/** What the schema makes of a value. A schema that leaves out what it does not know loses nothing that clients never see. */
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
  return new ConflictError('schema_invalid', { status: options.status?.schema_invalid, detail, errors: [...errors] })
}

/** Goes on at once where nothing has to be waited for: most schemas answer at once. */
export function after<A, B>(value: A | Promise<A>, next: (value: A) => B): B | Promise<B> {
  return value instanceof Promise ? value.then(next) : next(value)
}

function patchConflict(failure: PatchFailure): ConflictError {
  switch (failure.reason) {
    case 'malformed':
      return new ConflictError('malformed_body', { detail: failure.detail })
    case 'too-large':
      return new ConflictError('content_too_large', { detail: failure.detail })
    case 'failed': {
      const { index, pointer, op, detail } = failure
      return new ConflictError('patch_failed', { detail, conflicts: [{ pointer, kind: op, index }] })
    }
  }
}
