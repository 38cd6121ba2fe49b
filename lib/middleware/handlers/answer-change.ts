import type { IncomingHttpHeaders } from 'node:http'
import type { Committed } from '../commit/after-change'
import type { GuardedRequest } from '../request/guarded-request'
import { sendJson, varyByPrefer } from './send-json'

/** RFC 7240 §4.2: does the client want the new representation back, or only the status? */
export function answerChange<T>(
  { req, res, headers }: GuardedRequest<unknown>,
  { outcome, representation }: Committed<T>,
): void {
  const preferred = preferredReturn(headers)
  const isApplied = preferred === 'minimal' || outcome !== 'removed'
  if (preferred !== undefined && isApplied) res.setHeader('Preference-Applied', `return=${preferred}`)
  varyByPrefer(res)
  if (outcome === 'created') res.statusCode = 201
  if (outcome !== 'removed' && preferred !== 'minimal') {
    sendJson(req, res, representation)
    return
  }
  if (outcome !== 'created') res.statusCode = 204
  res.end()
}

/** RFC 9110 §5.6.4: a quote behind a backslash ends nothing. */
const QUOTED = /"((?:[^"\\]|\\.)*)"/g

/** RFC 7240 §2: of a preference that is named twice the first one counts, whether its value is understood or not. */
function preferredReturn({ prefer }: IncomingHttpHeaders): 'minimal' | 'representation' | undefined {
  if (prefer === undefined) return undefined
  // A comma in a quoted value separates nothing, and what stands behind a semicolon belongs to another preference.
  const unquoted = String(prefer).replace(QUOTED, (_, text: string) => (/^\w+$/.test(text) ? text : '""'))
  const [, value] = /(?:^|,)[ \t]*return[ \t]*(?:=[ \t]*([^,; \t]*))?[ \t]*(?:$|[,;])/i.exec(unquoted) ?? []
  const preferred = value?.toLowerCase()
  return preferred === 'minimal' || preferred === 'representation' ? preferred : undefined
}
