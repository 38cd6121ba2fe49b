const UNSTORABLE = /[\0\uffff]|\p{Surrogate}/gu

/** PostgreSQL takes no NUL, and half a surrogate pair is no character: they are written out, marked by U+FFFF. */
export function storableText(text: string): string {
  return text.replace(UNSTORABLE, (unit) => `\uffff${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
