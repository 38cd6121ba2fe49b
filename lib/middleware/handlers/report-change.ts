import { changedPointers } from '../../json/equal'
import { reported } from '../commit/after-change'
import { refuseMounted } from '../options/mount'
import { takenKey } from '../preconditions/refusals'
import type { ConflictMiddleware } from '../request/conflict-middleware'
import { refusal } from '../request/refuse'
import { shownMembers } from '../request/validators'
import { readState } from '../state/store-call'
import { stockHandler } from './commit-change'

const MOST_POINTERS = 200

/**
 * A dry run: mount it in place of the handler, on a separate URL. Answers 200 with what the request would change, or with
 * the problem that the request itself would get. Writes nothing.
 *
 * The answer is about the state that was read for it. Send the request itself with a condition.
 */
export function reportChange(...mounted: readonly never[]): ConflictMiddleware {
  refuseMounted('reportChange', mounted[0], 'app.put(path, chain, reportChange())')
  return stockHandler('reportChange', async (guarded) => {
    const { attempt, res } = guarded
    if (attempt === undefined) throw new Error('reportChange(): the chain has not read the state.')
    reported(guarded)
    // If the store generates the key, a new resource has none yet.
    if (guarded.isNew && (await readState(guarded))) throw await refusal(guarded, takenKey(guarded))
    const { action, current, proposed } = attempt.change
    const shown = (value: unknown) => shownMembers(guarded, value)
    // A read changes nothing, and only its handler knows what an action changes.
    const isProposed = proposed !== undefined || action === 'remove'
    const changed = isProposed ? changedPointers(shown(current?.value), shown(proposed), MOST_POINTERS) : []
    res.setHeader('Cache-Control', 'no-store')
    res.status(200).json({ action, changes: changed.length > 0, changed, proposed: shown(proposed) })
  })
}
