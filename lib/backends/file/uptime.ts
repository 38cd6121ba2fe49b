/** The clock that counts from the start of the machine. Its processes share it, and nobody sets it. */
export function uptimeMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
