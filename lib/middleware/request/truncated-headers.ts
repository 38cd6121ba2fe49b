import type { Request } from 'express'
import { ConflictError } from '../../conflicts/conflicts'

/**
 * Node 20 drops the header lines past its limit without a word (CVE-2026-58044), and an `If-Match` among them would be
 * a condition that nobody evaluates.
 */
export function truncatedHeaders(req: Request): ConflictError | undefined {
  const { server } = req.socket as { server?: { maxHeadersCount?: number | null } }
  const limit = Math.min(1000, server?.maxHeadersCount || 1000)
  return req.rawHeaders.length >= 2 * limit ? new ConflictError('headers_truncated') : undefined
}
