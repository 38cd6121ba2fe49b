import { type EntityTag, parseEntityTag, strongMatch } from './entity-tag'
import { floorToSecond, namesOneState, parseHttpDate } from './http-date'

/** A part of a representation: its first and its last byte. */
export interface ByteRange {
  readonly first: number
  readonly last: number
}

const NUMBERS = /^(\d*)-(\d*)$/

/**
 * The part of `size` bytes that a `Range` field asks for (RFC 9110 §14.1.2): `'whole'` if it is not a range of bytes or
 * names several parts, `'unsatisfiable'` if it names bytes that do not exist. A suffix longer than the whole is the
 * whole.
 */
export function byteRangeOf(field: string, size: number): ByteRange | 'whole' | 'unsatisfiable' {
  const [, list] = /^bytes=(.*)$/i.exec(field.trim()) ?? []
  // Empty members of a list are allowed (§5.6.1.2).
  const parts = (list ?? '').split(',').flatMap((part) => part.trim() || [])
  const ranges: ByteRange[] = []
  for (const part of parts) {
    const [, from = '', to = ''] = NUMBERS.exec(part) ?? []
    const isSuffix = from === ''
    if (isSuffix ? to === '' : to !== '' && Number(from) > Number(to)) return 'whole'
    const first = isSuffix ? Math.max(0, size - Number(to)) : Number(from)
    const last = isSuffix || to === '' ? size - 1 : Math.min(Number(to), size - 1)
    // The last bytes of an empty file are no bytes, which Content-Range cannot express.
    if (isSuffix && size === 0 && Number(to) > 0) return 'whole'
    if (first <= last) ranges.push({ first, last })
  }
  const [range, another] = ranges
  if (parts.length === 0 || another !== undefined) return 'whole'
  return range ?? 'unsatisfiable'
}

/** The validators of the current state, as an answer shows them. */
export interface Validators {
  readonly tag: EntityTag | undefined
  readonly modifiedMs: number | undefined
}

/**
 * Whether the parts that a client already has belong to the current state (RFC 9110 §13.1.5). A tag is compared
 * strongly, a date has to be exactly the same. Everything else is false, and then the whole representation is sent.
 */
export function isRangeCurrent(ifRange: string, { tag, modifiedMs }: Validators, now: number): boolean {
  const sent = parseEntityTag(ifRange)
  if (sent) return tag !== undefined && strongMatch(sent, tag)
  // A date is a strong validator once its second is over (§8.8.2.2).
  if (modifiedMs === undefined || !namesOneState(modifiedMs, now)) return false
  return parseHttpDate(ifRange, now) === floorToSecond(modifiedMs)
}
