/** Fails a case if `holds` is false. The error says what the contract demands, and what was seen instead. */
export function demand(holds: boolean, rule: string, seen: unknown): asserts holds {
  if (!holds) throw new Error(`The contract demands: ${rule}. Seen: ${show(seen)}.`)
}

/** Calls a method that must reject, and returns the reason. A method that throws synchronously fails the case. */
export async function rejection(call: () => Promise<unknown>, rule: string): Promise<unknown> {
  const outcome = await call().then(
    (seen) => ({ rejected: false as const, seen }),
    (error: unknown) => ({ rejected: true as const, error }),
  )
  if (outcome.rejected) return outcome.error
  demand(false, rule, outcome.seen)
}

/** A short form of a value, for messages. */
export function show(value: unknown): string {
  if (value === undefined || value instanceof Error) return String(value)
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 300 ? `${text.slice(0, 300)}… (${text.length} characters)` : text
}

/**
 * Whether two JSON values are the same. The order of members does not count, because some databases sort them. 0 and -0
 * are the same number.
 *
 * Prototypes do not count either: a driver may make its objects in another realm than the test runner's.
 */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (!isComposite(a) || !isComposite(b) || Array.isArray(a) !== Array.isArray(b)) return false
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && sameJson(a[name], b[name]))
  )
}

export function copyOf<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T
}

export function isComposite(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
