import { type EntityTag, parseEntityTag, strongMatch } from './entity-tag'
import { floorToSecond, parseHttpDate } from './http-date'

/** The state that a client has a part of, as an answer shows it. */
export interface Validators {
  readonly tag: EntityTag | undefined
  readonly modifiedMs: number | undefined
}

/**
 * Whether the parts that a client has are of this state (RFC 9110 §13.1.5): a tag by strong comparison, a date by being
 * exactly the same. What is neither is false, and then the whole is sent.
 */
export function isRangeCurrent(ifRange: string, { tag, modifiedMs }: Validators, now: number): boolean {
  const sent = parseEntityTag(ifRange)
  if (sent) return tag !== undefined && strongMatch(sent, tag)
  // A date is strong when nothing can change in its second any more (§8.8.2.2).
  if (modifiedMs === undefined || floorToSecond(modifiedMs) >= floorToSecond(now)) return false
  return parseHttpDate(ifRange, now) === floorToSecond(modifiedMs)
}
