import { formatProblem, PROBLEM_JSON } from '../../lib/http/problem'

const problem = (detail: string) => ({ type: 'urn:x', title: 'X', status: 409, detail })

test('a problem is application/problem+json, without a charset', () => {
  expect(PROBLEM_JSON).toBe('application/problem+json')
})

describe('formatProblem', () => {
  test('writes the members as they are', () => {
    expect(formatProblem(problem('plain'))).toBe('{"type":"urn:x","title":"X","status":409,"detail":"plain"}')
  })

  test.each([
    ['<script>', '\\u003cscript\\u003e'],
    ['a & b', 'a \\u0026 b'],
    ['line\u2028end\u2029', 'line\\u2028end\\u2029'],
    ['CR\rLF\n', 'CR\\rLF\\n'],
    ['\u0000\u001b[31m', '\\u0000\\u001b[31m'],
    // The one-byte forms of escape sequences.
    ['\u007f\u0080\u009b31m\u009f', '\\u007f\\u0080\\u009b31m\\u009f'],
    ['~\u00a0é', '~\u00a0é'],
    ['"quotes" \\ and /', '\\"quotes\\" \\\\ and /'],
  ])('%j cannot break out of where it is shown', (detail, text) => {
    const json = formatProblem(problem(detail))
    expect(json).toContain(`"detail":"${text}"`)
    expect(JSON.parse(json)).toEqual(problem(detail))
  })
})
