import type { IncomingHttpHeaders } from 'node:http'
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
 * The stock last handler: commits what the request proposes and answers with the new representation (201, 200), or
 * without one (204) after a removal and for clients that prefer so (`Prefer: return=minimal`).
 *
 * With `writes: 'by-app'` give it the function that writes.
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

/** Writes what was proposed with the version that it was checked against in its own `WHERE`, and says what came of it. */
export type WriteChange<T> = (resource: Resource<T>, req: Request) => WriteOutcome<T> | Promise<WriteOutcome<T>>

async function writeAndCommit<T>(guarded: GuardedRequest<T>, write: WriteChange<T>): Promise<Committed<T>> {
  const attempt = writable(guarded)
  if (!guarded.transaction) return writeUntilWritten(guarded, write)
  stateWritten(guarded, attempt, await write(resourceFor(guarded), guarded.req))
  return commitAndTell(guarded, { from: 'proposal' })
}

/** In report mode a lost race is written again, over the state that won. Otherwise it is refused. */
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

/** A handler of our own. Express 4 hangs a request whose handler rejects. */
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

/** RFC 7240 §4.2: does the client want the new representation back, or only the status? */
function answerChange<T>(
  { req, res, headers, newText }: GuardedRequest<unknown>,
  { outcome, representation }: Committed<T>,
): void {
  const preferred = preferredReturn(headers)
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
 * RFC 9110 §5.6.4: a quote behind a backslash ends nothing. What no quote ends goes on to the end: looked for again from
 * each quote in it, it would take time by the square of its length.
 */
const QUOTED = /"((?:[^"\\]|\\.)*)("|\\?$)/g

/** RFC 7240 §2: of a preference that is named twice the first one counts, whether its value is understood or not. */
function preferredReturn({ prefer }: IncomingHttpHeaders): 'minimal' | 'representation' | undefined {
  if (prefer === undefined) return undefined
  // A comma in a quoted value separates nothing, and what stands behind a semicolon belongs to another preference.
  const unquoted = String(prefer).replace(QUOTED, (_, text: string, end: string) =>
    end === '"' && /^\w+$/.test(text) ? text : '""',
  )
  const preferences = unquoted.split(',').map((preference) => (preference.split(';', 1)[0] ?? '').split('='))
  const [, value] = preferences.find(([name]) => name?.trim().toLowerCase() === 'return') ?? []
  const preferred = value?.trim().toLowerCase()
  return preferred === 'minimal' || preferred === 'representation' ? preferred : undefined
}
