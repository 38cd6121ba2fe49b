import type { ChangeResult } from '../../contracts/adapter'
import { show } from '../../options'
import type { Change } from '../../rules/change'
import { judgeChange } from '../change/judge-change'
import { mergedConflict } from '../change/merge-change'
import { check, keyOfNew, mustLeadBack, schemaConflict } from '../change/propose'
import type { Attempt, GuardedRequest } from '../request/guarded-request'
import { checkedResult, checkedState, keepsVersion, mustHaveState, storeOf, writeState } from '../state/store-call'

/** What the handler wants to store. A function can be called again after a lost race. */
export type Intent<T> =
  | { readonly from: 'proposal' }
  | { readonly from: 'value'; readonly value: T }
  | { readonly from: 'function'; readonly next: (current: T | undefined) => T | Promise<T> }

/** The change that is to be committed. */
export function intendedChange<T>(
  guarded: GuardedRequest<T>,
  attempt: Attempt<T>,
  intent: Intent<T>,
): Change<T> | Promise<Change<T>> {
  const { change } = attempt
  if (intent.from !== 'proposal') return ownChange(guarded, attempt, intent)
  // A store that generates the key may fill in other members as well.
  if (attempt.incomplete && !guarded.settings.adapter.create) throw attempt.incomplete
  if (change.proposed !== undefined || change.action === 'remove') return change
  throw new Error(
    `commit(): ${guarded.method} proposes nothing by itself; give commit a value, or a function of the current one.`,
  )
}

/** A value that a handler made is checked like one that a client sent. */
async function ownChange<T>(guarded: GuardedRequest<T>, attempt: Attempt<T>, intent: OwnIntent<T>): Promise<Change<T>> {
  const { change } = attempt
  const { settings } = guarded
  const checked = await check(settings, await intendedValue(change, intent), false)
  if (!checked.ok) throw schemaConflict(settings, checked.errors)
  const proposed = checked.value as T
  const own = { ...change, proposed }
  const conflict = mergedConflict(settings, attempt, proposed) ?? (await judgeChange(guarded, own))
  if (conflict) throw conflict
  return own
}

type OwnIntent<T> = Exclude<Intent<T>, { from: 'proposal' }>

async function intendedValue<T>({ current }: Change<T>, intent: OwnIntent<T>): Promise<T> {
  // A copy, because the function may change it, and the checks compare with the unchanged value.
  const value = intent.from === 'value' ? intent.value : await intent.next(copyOf(current?.value))
  if (value === undefined)
    throw new TypeError('commit(): the value to store is undefined. A function has to return it.')
  if (value === current?.value)
    throw new TypeError(
      'commit(): the value is the current one itself, changed in place. Give a copy: { ...current, … }.',
    )
  return value
}

function copyOf<V>(value: V): V {
  return value === undefined ? value : (JSON.parse(JSON.stringify(value)) as V)
}

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
