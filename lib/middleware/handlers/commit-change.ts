import type { Request } from 'express'
import { conflictOf } from '../../conflicts/conflicts'
import { show } from '../../options'
import { type Committed, unchanged } from '../commit/after-change'
import { judgedAgain, pauseInTurn } from '../commit/lost-race'
import { commitAndTell, type Resource, resourceFor } from '../commit/resource'
import { changeWritten, isLost, stateWritten, type WriteOutcome, writable } from '../commit/written'
import { refuseMounted } from '../options/mount'
import { lostRace } from '../preconditions/refusals'
import { type ConflictMiddleware, conflictMiddleware, failing } from '../request/conflict-middleware'
import { findTarget, type GuardedRequest } from '../request/guarded-request'
import { refusal, report } from '../request/refuse'
import { readState } from '../state/store-call'
import { sendJson, varyByPrefer } from './send-json'

/**
 * The stock last handler. Commits the proposed value and answers with the new representation (201 or 200). After a
 * removal, and for clients that send `Prefer: return=minimal`, it answers without one (204).
 *
 * With `writes: 'by-app'`, give it the function that writes.
 */
export function commitChange<T>(write?: WriteChange<T>): ConflictMiddleware {
  refuseMounted('commitChange', write, 'app.put(path, chain, commitChange())')
  if (write !== undefined && typeof write !== 'function')
    throw new TypeError(
      `commitChange(): give nothing, or the function that writes with writes: 'by-app'; got ${show(write)}.`,
    )
  return stockHandler('commitChange', async (guarded) => {
    const committed = write
      ? await writeAndCommit(guarded, write as WriteChange<unknown>)
      : await commitAndTell(guarded, { from: 'proposal' })
    answerChange(guarded, committed)
  })
}

/** Writes the proposed value, with the version that was checked in its own `WHERE`, and returns what was stored. */
export type WriteChange<T> = (resource: Resource<T>, req: Request) => WriteOutcome<T> | Promise<WriteOutcome<T>>

async function writeAndCommit<T>(guarded: GuardedRequest<T>, write: WriteChange<T>): Promise<Committed<T>> {
  const attempt = writable(guarded)
  if (!guarded.transaction) return writeUntilWritten(guarded, write)
  stateWritten(guarded, attempt, await write(resourceFor(guarded), guarded.req))
  return commitAndTell(guarded, { from: 'proposal' })
}

/** After a lost race, the request is refused. In report mode it is written again, over the state that won. */
async function writeUntilWritten<T>(guarded: GuardedRequest<T>, write: WriteChange<T>): Promise<Committed<T>> {
  const { settings, isNew, req } = guarded
  const until = Date.now() + settings.deadlineMs
  for (let tries = 1; ; tries++) {
    const outcome = await write(resourceFor(guarded), req)
    if (!isLost(outcome) || !settings.reportsOnly || isNew) return changeWritten(guarded, outcome, tries)
    report(guarded, lostRace(guarded))
    try {
      const attempt = await judgedAgain(guarded, await readState(guarded))
      if (attempt.verdict?.outcome === 'already-applied') return unchanged(guarded, attempt)
      await pauseInTurn(guarded, tries, until)
    } catch (error) {
      const conflict = conflictOf(error)
      throw conflict ? await refusal(guarded, conflict) : error
    }
  }
}

/** A handler for the resource that the request changes. Passes rejections on, because Express 4 would hang. */
export function stockHandler(
  name: string,
  handle: (guarded: GuardedRequest<unknown>) => Promise<void>,
): ConflictMiddleware {
  return conflictMiddleware(name, (req, _res, next) => {
    const guarded = findTarget(req)
    if (guarded) handle(guarded).catch(failing(next))
    else
      next(
        new Error(
          `${name}(): no chain ran on this request, or it let the request pass (skip, another path). Mount detectConflicts() in front of it. Above the resource, as in app.use('/articles', chain), the chain needs path: '/:id'.`,
        ),
      )
  })
}

/** Answers a committed change. RFC 7240 §4.2: the client may prefer the status alone to the new representation. */
function answerChange<T>(
  { req, res, headers, newText }: GuardedRequest<unknown>,
  { outcome, representation }: Committed<T>,
): void {
  const preferred = headers.prefer === undefined ? undefined : preferredReturn(String(headers.prefer))
  const isApplied = preferred === 'minimal' || outcome !== 'removed'
  if (preferred !== undefined && isApplied) res.setHeader('Preference-Applied', `return=${preferred}`)
  varyByPrefer(res)
  if (outcome === 'created') res.statusCode = 201
  if (outcome !== 'removed' && preferred !== 'minimal') {
    sendJson(req, res, representation, newText)
    return
  }
  if (outcome !== 'created') res.statusCode = 204
  res.end()
}

/**
 * RFC 9110 §5.6.4: a quote after a backslash does not end the string. A string without an end matches up to the end of
 * the field: otherwise the search would start again at each quote in it, which takes quadratic time.
 */
const QUOTED = /"((?:[^"\\]|\\.)*)("|\\?$)/g

/** RFC 7240 §2: if a preference occurs twice, the first one counts, even if its value is unknown. */
function preferredReturn(prefer: string): 'minimal' | 'representation' | undefined {
  // A comma inside quotes does not separate preferences. What follows a semicolon is a parameter.
  const unquoted = prefer.replace(QUOTED, (_, text: string, end: string) =>
    end === '"' && /^\w+$/.test(text) ? text : '""',
  )
  const preferences = unquoted.split(',').map((preference) => (preference.split(';', 1)[0] ?? '').split('='))
  const [, value] = preferences.find(([name]) => name?.trim().toLowerCase() === 'return') ?? []
  const preferred = value?.trim().toLowerCase()
  return preferred === 'minimal' || preferred === 'representation' ? preferred : undefined
}
