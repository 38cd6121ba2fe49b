import { isObject, isPointer } from './json/pointer'

/** The check of an option, and its description in words. */
export interface Expectation {
  readonly holds: (value: unknown) => boolean
  readonly what: string
  /** Additional text about a wrong value. */
  readonly hint?: ((value: unknown) => string) | undefined
}

/**
 * Refuses unknown names and values that cannot work. The message names the value and what to do. `undefined` counts as
 * left out.
 */
export function checkOptions(
  caller: string,
  given: object,
  expected: Readonly<Record<string, Expectation>>,
  required: readonly string[] = [],
): void {
  refuseUnknown(caller, given, Object.keys(expected))
  const values = new Map<string, unknown>(Object.entries(given))
  for (const [name, { holds, what, hint = () => '' }] of Object.entries(expected)) {
    const value = values.get(name)
    if (value === undefined ? !required.includes(name) : holds(value)) continue
    throw new TypeError(`${caller}: ${name} has to be ${what}; got ${show(value)}.${hint(value)}`)
  }
}

export const aFunction: Expectation = { holds: (value) => typeof value === 'function', what: 'a function' }

export const aBoolean: Expectation = { holds: (value) => typeof value === 'boolean', what: 'true or false' }

export const anObject: Expectation = { holds: isObject, what: 'an object' }

export const aPointer: Expectation = {
  holds: (value) => typeof value === 'string' && value !== '' && isPointer(value),
  what: 'a JSON Pointer, such as "/title"',
  hint: barePointer,
}

/** A time for a timer. Node fires a longer timer at once. */
export const milliseconds = /* @__PURE__ */ upTo(
  2_147_483_647,
  'A timer of Node runs for 2147483647 ms (24.8 days) at most.',
)

/** A time for which a store keeps something. No timer runs for it. */
export const storedMilliseconds = /* @__PURE__ */ upTo(3_155_760_000_000, 'The most is 3155760000000 ms (100 years).')

function upTo(most: number, why: string): Expectation {
  return {
    holds: (value) => typeof value === 'number' && value > 0 && value <= most,
    what: 'a number of milliseconds above 0',
    hint: (value) => (Number(value) > most ? ` ${why}` : ''),
  }
}

/** For options that are checked where they are used. */
export const anything: Expectation = { holds: () => true, what: 'anything' }

/** Methods are case-sensitive (RFC 9110 §9.1), and those in use are written in capital letters. */
export const aMethod: Expectation = {
  holds: (value) => typeof value === 'string' && /^[A-Z][A-Z-]*$/.test(value),
  what: 'a method in capital letters, such as "POST"',
}

export function aText(what: string): Expectation {
  return { holds: (value) => typeof value === 'string' && value !== '', what }
}

export function oneOf(...choice: readonly unknown[]): Expectation {
  return { holds: (value) => choice.includes(value), what: `one of ${choice.map(show).join(', ')}` }
}

export function listOf({ holds, what, hint }: Expectation): Expectation {
  return { holds: (value) => Array.isArray(value) && value.every(holds), what: `an array, each of it ${what}`, hint }
}

export function recordOf({ holds, what }: Expectation): Expectation {
  return {
    holds: (value) => isObject(value) && Object.values(value).every(holds),
    what: `an object, each member of it ${what}`,
  }
}

/**
 * Shows an instance of a class by its name only: a client or a pool would show its password, and can contain itself.
 */
export function show(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'number') return String(value)
  const name = classOf(value)
  if (name !== undefined) return `an instance of ${name}`
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    return typeof value === 'object' ? 'an object that is no JSON' : String(value)
  }
}

/** `undefined` for plain objects, arrays, and values with `toJSON`. */
function classOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || 'toJSON' in value) return undefined
  const { name } = Object(value.constructor) as { name?: unknown }
  return typeof name === 'string' && name !== '' && name !== 'Object' ? name : undefined
}

/** The most common mistake is the name of a member without the slash. */
function barePointer(value: unknown): string {
  const bare = [value].flat().find((each) => typeof each === 'string' && each !== '' && !each.startsWith('/'))
  return bare === undefined ? '' : ` Did you mean ${show(`/${bare}`)}?`
}

/** Refuses unknown option names. The message has the name that was probably meant. */
export function refuseUnknown(caller: string, given: object, known: readonly string[]): void {
  const names = Object.keys(Object(given))
  const name = names.find((each) => !known.includes(each))
  const all = `Known are ${known.join(', ')}.`
  // A pool, a client or a Map in place of options.
  if (!isObject(given) || (classOf(given) && (name || !names[0])))
    throw new TypeError(`${caller}: expected options, got ${show(given)}. ${all}`)
  if (name === undefined) return
  const meant = closest(name, known)
  throw new TypeError(`${caller}: there is no option "${name}". ${meant ? `Did you mean "${meant}"?` : all}`)
}

function closest(name: string, known: readonly string[]): string | undefined {
  const [near] = known
    .map((each) => [distance(name.toLowerCase(), each.toLowerCase()), each] as const)
    .sort(([a], [b]) => a - b)
  // As far as from "isolationLevel" to "isolation".
  return near && near[0] <= Math.max(2, name.length * 0.4) ? near[1] : undefined
}

/** The Levenshtein distance: how many letters have to be inserted, removed or changed. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (let j = 0; j < b.length; j++) {
      const change = (row[j] ?? 0) + (letter === b[j] ? 0 : 1)
      next.push(Math.min(change, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
