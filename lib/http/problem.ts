/** The media type of RFC 9457 §3. It has no charset parameter, because JSON is always UTF-8. */
export const PROBLEM_JSON = 'application/problem+json'

/** A problem (RFC 9457 §3.1). Members other than these five are extensions (§3.2). */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail?: string
  readonly instance?: string
  readonly [extension: string]: unknown
}

/**
 * Escapes characters that could break out of an HTML page, or control a terminal, that shows the text unescaped. JSON
 * itself escapes those below U+0020.
 */
export function formatProblem(problem: Problem): string {
  const text = JSON.stringify(problem)
  // Most problems have none of these characters, and `replace` is slow even then.
  return text.search(UNSAFE) === -1 ? text : text.replace(UNSAFE, escapeCharacter)
}

const UNSAFE = /[<>&\u007f-\u009f\u2028\u2029]/g

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
