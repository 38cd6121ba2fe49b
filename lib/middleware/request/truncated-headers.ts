import type { Request } from 'express'
import { ConflictError } from '../../conflicts/conflicts'

/**
 * Node 20 drops the header lines past its limit without a word (CVE-2026-58044), and an `If-Match` among them would be
 * a condition that nobody evaluates.
 */
export function truncatedHeaders(req: Request): ConflictError | undefined {
  // A request that an adapter or a test has made up may have neither.
  const { socket, rawHeaders } = req as unknown as {
    socket?: { server?: { maxHeadersCount?: number | null } }
    rawHeaders?: readonly string[]
  }
  const limit = Math.min(1000, socket?.server?.maxHeadersCount || 1000)
  return (rawHeaders?.length ?? 0) >= 2 * limit ? new ConflictError('headers_truncated') : undefined
}
