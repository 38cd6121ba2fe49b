import type { Change } from '../../rules/change'
import type { Attempt, GuardedRequest } from '../request/guarded-request'
import { judgeChange } from './judge-change'
import { mergedConflict } from './merge-change'
import { check, schemaConflict } from './propose'

/** What the handler wants stored in place of what was proposed. A function can be asked again after a lost race. */
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
  // Where the store gives the key, it may fill in the rest as well.
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
  // A function may change what it is given; the checks compare with the value as it was.
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
