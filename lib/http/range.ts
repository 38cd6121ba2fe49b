import { type EntityTag, parseEntityTag, strongMatch } from './entity-tag'
import { floorToSecond, namesOneState, parseHttpDate } from './http-date'

/** A part of a representation, from its first byte to its last one. */
export interface ByteRange {
  readonly first: number
  readonly last: number
}

const NUMBERS = /^(\d*)-(\d*)$/

/**
 * What a `Range` field asks for of so many bytes (RFC 9110 §14.1.2): the one part that it names, `'whole'` where it is
 * no range of bytes or names several parts, or `'unsatisfiable'`. A suffix that is longer than the whole is the whole.
 */
export function byteRangeOf(field: string, size: number): ByteRange | 'whole' | 'unsatisfiable' {
  const [, list] = /^bytes=(.*)$/i.exec(field.trim()) ?? []
  // Empty members of a list are no mistake (§5.6.1.2).
  const parts = (list ?? '').split(',').flatMap((part) => part.trim() || [])
  const ranges: ByteRange[] = []
  for (const part of parts) {
    const [, from = '', to = ''] = NUMBERS.exec(part) ?? []
    const isSuffix = from === ''
    if (isSuffix ? to === '' : to !== '' && Number(from) > Number(to)) return 'whole'
    const first = isSuffix ? Math.max(0, size - Number(to)) : Number(from)
    const last = isSuffix || to === '' ? size - 1 : Math.min(Number(to), size - 1)
    // The last bytes of nothing are nothing, which no Content-Range can say.
    if (isSuffix && size === 0 && Number(to) > 0) return 'whole'
    if (first <= last) ranges.push({ first, last })
  }
  const [range, another] = ranges
  if (parts.length === 0 || another !== undefined) return 'whole'
  return range ?? 'unsatisfiable'
}

/** The state that a client has a part of, as an answer shows it. */
export interface Validators {
  readonly tag: EntityTag | undefined
  readonly modifiedMs: number | undefined
}

/**
 * Whether the parts that a client has are of this state (RFC 9110 §13.1.5): a tag by strong comparison, a date by being
 * exactly the same. Anything else is false, and then the whole representation is sent.
 */
export function isRangeCurrent(ifRange: string, { tag, modifiedMs }: Validators, now: number): boolean {
  const sent = parseEntityTag(ifRange)
  if (sent) return tag !== undefined && strongMatch(sent, tag)
  // A date is strong when nothing can change in its second any more (§8.8.2.2).
  if (modifiedMs === undefined || !namesOneState(modifiedMs, now)) return false
  return parseHttpDate(ifRange, now) === floorToSecond(modifiedMs)
}
