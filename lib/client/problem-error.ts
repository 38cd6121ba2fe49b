import { PROBLEM_JSON, type Problem } from '../http/problem'
import { isObject } from '../json/pointer'

const JSON_TYPE = /^application\/([^;]*\+)?json/i
const BRAND = Symbol.for('express-conflict.problem-error')

/** A refusal. `problem` is the server's own (RFC 9457), or made from the status if it sent none. */
export class ProblemError extends Error {
  // `declare` emits no code, which every page would have to load.
  declare readonly problem: Problem
  declare readonly status: number
  declare readonly headers: Headers

  constructor(problem: Problem, headers: Headers) {
    super(problem.detail ?? problem.title)
    this.name = 'ProblemError'
    this.problem = problem
    this.status = problem.status
    this.headers = headers
    Object.defineProperty(this, BRAND, { value: true })
  }
}

/** Recognises the error by its brand, because a page may have loaded two copies of this module. */
export function isProblemError(error: unknown): error is ProblemError {
  return error instanceof Error && BRAND in error
}

/**
 * The refusal in an answer, or `undefined` if the request was carried out. A redirect, an HTML page and a 304 to a change
 * count as refusals, because they come from a login page, a proxy or a cache.
 */
export function refusalOf(method: string, response: Response, text: string): ProblemError | undefined {
  const { ok, status, headers } = response
  // 206 is only a part, which nobody asked for.
  if (status === 304 ? method === 'GET' : ok && status !== 206 && (!text || isJson(headers, text))) return undefined
  const what = ok ? 'something else than JSON' : status || 'a redirect'
  const plain = { type: 'about:blank', title: `The server answered ${what}`, status }
  return new ProblemError({ ...plain, ...membersIn(headers, text), status }, headers)
}

/** The refusal if it is not known whether the change was made. Sent again, it might be made twice. */
export function unknownOutcome(answer: Refusable): ProblemError {
  return refusalWith('outcome_unknown', 'Nobody knows if it was changed', answer)
}

type Refusable = Pick<ProblemError, 'status' | 'headers'> & { readonly problem?: Problem }

/** A refusal of the client's own. */
export function refusalWith(code: string, title: string, { status, headers, problem }: Refusable): ProblemError {
  const own = { type: 'about:blank', status, code, title, detail: title, retryable: false }
  return new ProblemError({ ...problem, ...own }, headers)
}

function isJson(headers: Headers, text: string): boolean {
  try {
    return JSON_TYPE.test(headers.get('Content-Type') ?? '') && JSON.parse(text) !== undefined
  } catch {
    return false
  }
}

function membersIn(headers: Headers, text: string): object | undefined {
  if (!headers.get('Content-Type')?.toLowerCase().startsWith(PROBLEM_JSON)) return undefined
  try {
    const members: unknown = JSON.parse(text)
    return isObject(members) ? members : undefined
  } catch {
    // A proxy may have cut it off. The status is enough.
    return undefined
  }
}
