/** A JSON object. */
export type Value = Record<string, unknown>

export function parsed(text: string): Value | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Value) : undefined
  } catch {
    return undefined
  }
}

/** Members that people name so are texts, most likely; an id, a date or a state is not to be touched. */
const TEXTS = ['title', 'name', 'description', 'text', 'subject', 'body', 'content', 'note', 'comment', 'label']

/** The value with one text in it changed. Where there is none, a number. */
export function changedValue(value: Value, attempt: number): Value {
  const names = Object.keys(value)
  const text = TEXTS.find((name) => typeof value[name] === 'string')
  const member = text ?? names.find((name) => typeof value[name] === 'number' && !/id$|version|rev/i.test(name))
  if (member === undefined) return { ...value, title: `audit ${attempt}` }
  const before = value[member]
  return { ...value, [member]: typeof before === 'number' ? before + attempt : `${before} ${attempt}` }
}
