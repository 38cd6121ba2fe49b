/** What an operation says about a register. A refusal says that the register was not `from` when it was carried out. */
export type Effect =
  | { readonly kind: 'read'; readonly value: string }
  | { readonly kind: 'write'; readonly value: string }
  | { readonly kind: 'swap'; readonly from: string; readonly to: string }
  | { readonly kind: 'refused'; readonly from: string }

/** One operation of one client. `endMs` is missing when its outcome is unknown: it may still be carried out, or never. */
export interface Operation {
  readonly startMs: number
  readonly endMs?: number | undefined
  readonly effect: Effect
}

/**
 * Operations of unknown outcome blow a search up, for each may be anywhere from its start on. Where no two of them write
 * the same value there is less to search: what nobody ever read may as well not have been carried out, and what was read
 * was carried out before that read ended.
 */
export function settleUnknown(operations: readonly Operation[]): Operation[] {
  const firstSeen = new Map<string, number>()
  for (const { effect, endMs } of operations) {
    if (effect.kind !== 'read' || endMs === undefined) continue
    firstSeen.set(effect.value, Math.min(endMs, firstSeen.get(effect.value) ?? Number.POSITIVE_INFINITY))
  }
  return operations.flatMap((operation) => {
    const { endMs, effect } = operation
    if (endMs !== undefined) return [operation]
    const seen = firstSeen.get(writtenBy(effect) ?? '')
    return seen === undefined ? [] : [{ ...operation, endMs: Math.max(seen, operation.startMs) }]
  })
}

function writtenBy(effect: Effect): string | undefined {
  if (effect.kind === 'write') return effect.value
  return effect.kind === 'swap' ? effect.to : undefined
}
