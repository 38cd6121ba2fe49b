/** One digest of a `Content-Digest` or `Repr-Digest` field (RFC 9530 §2, §3): an algorithm and what it has to give, in base64. */
export interface Digest {
  readonly algorithm: string
  readonly base64: string
}

/** One member of the dictionary. Each expression can stop in one place only, so none of them backtracks over its input. */
const MEMBER =
  /([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):(?:; *[a-z*][a-z0-9_.*-]*(?:=[!#-+\--:<-[\]-~]+)?)*[ \t]*(,|$)[ \t]*/y

/**
 * Reads a dictionary of byte sequences (RFC 9651 §3.2, §3.3.5). `undefined` means malformed. Of several members with one
 * name the last one counts.
 */
export function parseDigests(field: string): readonly Digest[] | undefined {
  const digests = new Map<string, Digest>()
  const text = field.trim()
  for (let at = 0; ; at = MEMBER.lastIndex) {
    MEMBER.lastIndex = at
    const [, algorithm, base64, end] = MEMBER.exec(text) ?? []
    if (algorithm === undefined || base64 === undefined) return undefined
    digests.set(algorithm, { algorithm, base64 })
    if (end === '') return [...digests.values()]
  }
}
