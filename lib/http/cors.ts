/** For `Access-Control-Expose-Headers`: the fields that clients on other origins have to read. */
export const CORS_EXPOSED_HEADERS: readonly string[] = [
  'ETag',
  'Last-Modified',
  'Location',
  'Retry-After',
  'Allow',
  'Accept-Patch',
  'Preference-Applied',
  'Merged-With',
  'Lock-Token',
  'Idempotency-Replayed',
  'Link',
  // Of files.
  'Accept-Ranges',
  'Content-Range',
  'Content-Disposition',
  'Repr-Digest',
]

/** For `Access-Control-Allow-Headers`: the fields that clients on other origins have to send. */
export const CORS_ALLOWED_HEADERS: readonly string[] = [
  'Content-Type',
  'If-Match',
  'If-None-Match',
  'If-Modified-Since',
  'If-Unmodified-Since',
  'Prefer',
  'If',
  'Lock-Token',
  'Idempotency-Key',
  // Of files.
  'Range',
  'If-Range',
  'Content-Digest',
  'Repr-Digest',
]
