/** The JSON of a value. What JSON cannot hold is refused, where `JSON.stringify` drops it or makes null of it. */
export function jsonText(value: unknown, who: string): string {
  const text: string | undefined = JSON.stringify(value)
  if (text === undefined)
    throw new TypeError(`${who}: a value of type ${typeof value} is not JSON; write null or an object.`)
  // JSON turns NaN into null without a word. A text without null needs no second look.
  if (text.includes('null')) JSON.stringify(value, (name, member) => finite(name, member, who))
  return text
}

function finite(name: string, value: unknown, who: string): unknown {
  if (typeof value !== 'number' || Number.isFinite(value)) return value
  throw new TypeError(`${who}: ${value} at "${name}" is not JSON; write a finite number or null.`)
}
