import { ConflictError } from '../../conflicts/conflicts'
import type { ResourceState } from '../../contracts/adapter'
import type { MemberPattern } from '../../json/members'
import { applyMergePatch } from '../../json/merge-patch'
import { applyPatch } from '../../json/patch'
import type { PatchFailure } from '../../json/patch-document'
import { proposeNew, proposeNext, withKey } from '../../rules/change'
import type { Attempt, GuardedRequest, Sent } from '../request/guarded-request'
import { representationOf, shownMembers } from '../request/validators'
import { unsafeDocument } from './body'
import { keyOfNew } from './key-of-new'

/** What a request would make of a state. */
export interface Proposal {
  readonly value?: unknown
  /** The value as the client alone would have it, before members that are not the client's were put back. */
  readonly sent?: unknown
  /** Members that the schema calls `readOnly` in this resource. */
  readonly readOnly: readonly MemberPattern[]
  readonly conflict?: ConflictError | undefined
  /** A patch: value and conflict say something of a state that the client may not have seen. */
  readonly tellsState: boolean
}

const NOTHING: Proposal = { readOnly: [], tellsState: false }

export function propose<T>(guarded: GuardedRequest<T>, attempt: Attempt<T>): Proposal {
  const { sent, key, settings } = guarded
  const { action, current } = attempt.change
  if (sent === undefined) return NOTHING
  const { schema, members } = settings
  if (action === 'create') {
    const readOnly = schema?.readOnlyIn(sent.document) ?? NOTHING.readOnly
    const draft = proposeNew(sent.document, readOnly, members)
    // Made before the schema is asked: the value may have to name it.
    if (guarded.isNew && !settings.adapter.create && guarded.key === undefined) {
      try {
        guarded.key = keyOfNew(guarded, draft as T)
      } catch (error) {
        // A value that the schema refuses is no mistake of who makes keys of valid ones.
        const conflict = schemaConflict(guarded, draft)
        if (conflict === undefined) throw error
        return { ...NOTHING, conflict }
      }
    }
    return checked(guarded, withKey(draft, undefined, guarded.key, members), sent.document, NOTHING.readOnly, false)
  }
  if (current === undefined) return NOTHING
  const next = sent.format === 'value' ? { ok: true as const, value: sent.document } : patched(guarded, current, sent)
  if (!next.ok)
    return { ...NOTHING, conflict: patchConflict(next.failure), tellsState: next.failure.reason !== 'malformed' }
  // A merge leaves nothing that neither side had; a JSON Patch can nest and name what its parts do not.
  const unsafe = sent.format === 'json-patch' ? unsafeDocument('The patched resource', next.value) : undefined
  if (unsafe) return { ...NOTHING, conflict: unsafe, tellsState: true }
  // In both: what only the server sets may be missing from what is stored.
  const readOnly = schema?.readOnlyIn(current.value, next.value) ?? NOTHING.readOnly
  const value = proposeNext(next.value, current.value, readOnly, key, members)
  return checked(guarded, value, next.value, readOnly, sent.format !== 'value')
}

function patched<T>(guarded: GuardedRequest<T>, current: ResourceState<T>, { format, document }: Sent) {
  // In a merge patch the version was read already; in a JSON Patch it is a member that `test` may look at.
  if (format === 'json-patch') return applyPatch(representationOf(guarded, current), document)
  return { ok: true as const, value: applyMergePatch(shownMembers(guarded, current), document) }
}

function checked<T>(
  guarded: GuardedRequest<T>,
  value: unknown,
  sent: unknown,
  readOnly: readonly MemberPattern[],
  tellsState: boolean,
): Proposal {
  const { schema } = guarded.settings
  // A validator of the app's own may convert and fill in: the parts that are shared with the stored value stay as they are.
  const own: unknown = schema?.mutates ? JSON.parse(JSON.stringify(value)) : value
  // Written out: to spread an object and add members takes 20 times as long.
  return { value: own, sent, readOnly, conflict: schemaConflict(guarded, own), tellsState }
}

/** `undefined` when the value is valid, or nothing says what valid is. */
export function schemaConflict<T>({ settings }: GuardedRequest<T>, value: unknown): ConflictError | undefined {
  const errors = settings.schema?.errorsIn(value)
  if (errors === undefined) return undefined
  const [first] = errors
  const detail = first && `${first.instancePath === '' ? 'The resource' : first.instancePath} ${first.message}.`
  return new ConflictError('schema_invalid', { status: settings.options.status?.schema_invalid, detail, errors })
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
