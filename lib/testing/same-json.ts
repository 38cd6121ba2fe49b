/**
 * Whether two JSON values are the same. Members have no order, as some databases sort them; 0 and -0 are one number.
 *
 * Prototypes are not looked at: a driver may make its objects in another realm than the test runner's.
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
