import type { Change } from '../change'
import type { Attempt, GuardedRequest } from './guarded-request'
import { judgeChange } from './judge-change'
import { schemaConflict } from './propose'

/** What the handler wants stored in place of what was proposed. A function can be asked again after a lost race. */
export type Intent<T> =
  | { readonly from: 'proposal' }
  | { readonly from: 'value'; readonly value: T }
  | { readonly from: 'function'; readonly next: (current: T | undefined) => T | Promise<T> }

/** The change that is to be committed; one of the handler's own is checked like a client's. */
export async function intendedChange<T>(
  guarded: GuardedRequest<T>,
  attempt: Attempt<T>,
  intent: Intent<T>,
): Promise<Change<T>> {
  const { change } = attempt
  if (intent.from === 'proposal') {
    if (change.proposed !== undefined || change.action === 'remove') return change
    throw new Error(
      `commit(): ${guarded.req.method} proposes nothing by itself; give commit a value, or a function of the current one.`,
    )
  }
  const own = { ...change, proposed: await intendedValue(change, intent) }
  const conflict = schemaConflict(guarded, own.proposed) ?? (await judgeChange(guarded, own))
  if (conflict) throw conflict
  return own
}

async function intendedValue<T>({ current }: Change<T>, intent: Exclude<Intent<T>, { from: 'proposal' }>): Promise<T> {
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
