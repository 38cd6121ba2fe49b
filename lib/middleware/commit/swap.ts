import type { ChangeResult } from '../../contracts/adapter'
import { show } from '../../options'
import type { Change } from '../../rules/change'
import { keyOfNew, mustLeadBack } from '../change/propose'
import type { Attempt, GuardedRequest } from '../request/guarded-request'
import { checkedResult, checkedState, keepsVersion, mustHaveState, storeOf, writeState } from '../state/store-call'

/** One conditional write. Without a proposed value: a conditional removal. */
export async function swap<T>(
  guarded: GuardedRequest<T>,
  { stored }: Attempt<T>,
  { proposed }: Change<T>,
  ms: number,
): Promise<ChangeResult<T>> {
  const { name } = guarded.settings
  const adapter = storeOf(guarded)
  if (guarded.isNew) mustLeadBack(guarded)
  if (guarded.isNew && proposed !== undefined && adapter.create) {
    const made = await writeState(guarded, ms, () => adapter.create?.(proposed) ?? noAbility(name, 'create'))
    guarded.key = made.key
    return { ok: true, state: mustHaveState(made.state, name) }
  }
  guarded.key ??= keyOfNew(guarded, proposed)
  const { key } = guarded
  if (proposed === undefined) {
    if (stored === undefined) throw new Error(`There is no ${name} to remove.`)
    const { version } = stored
    const remove = () => adapter.remove?.(key, version) ?? noAbility(name, 'remove')
    const removed = checkedResult(await writeState(guarded, ms, remove), 'remove', name)
    return removed.ok ? { ok: true } : { ok: false, current: checkedState(removed.current, name) }
  }
  const expected = stored?.version ?? null
  const write = () => adapter.write?.(key, proposed, expected) ?? noAbility(name, 'write')
  const written = checkedResult(await writeState(guarded, ms, write), 'write', name)
  if (written.ok) {
    const state = mustHaveState(written.state, name)
    if (!keepsVersion(stored, state)) return { ok: true, state }
    throw new TypeError(
      `The adapter of the ${name} gave another value from write(), still with the version ${show(state.version)} that was read. Every write has to make a new version: with the old one a stale save would pass unseen (docs/adapters.md).`,
    )
  }
  return { ok: false, current: checkedState(written.current, name) }
}

function noAbility(name: string, method: string): never {
  throw new TypeError(`The adapter of the ${name} has no ${method} method.`)
}
