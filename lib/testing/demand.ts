/** Fails a case: what the contract demands, and what was seen instead. */
export function demand(holds: boolean, rule: string, seen: unknown): asserts holds {
  if (!holds) throw new Error(`The contract demands: ${rule}. Seen: ${show(seen)}.`)
}

/** Calls a method that has to reject, and gives what it rejected with. A method that throws by itself fails the case. */
export async function rejection(call: () => Promise<unknown>, rule: string): Promise<unknown> {
  const outcome = await call().then(
    (seen) => ({ rejected: false as const, seen }),
    (error: unknown) => ({ rejected: true as const, error }),
  )
  if (outcome.rejected) return outcome.error
  demand(false, rule, outcome.seen)
}

/** A value in a few words, for messages. */
export function show(value: unknown): string {
  if (value === undefined || value instanceof Error) return String(value)
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 300 ? `${text.slice(0, 300)}… (${text.length} characters)` : text
}
