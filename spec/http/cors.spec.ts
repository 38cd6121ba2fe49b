import { CORS_ALLOWED_HEADERS, CORS_EXPOSED_HEADERS } from '../../lib/http/cors'

test.each([
  'If-Match',
  'If-None-Match',
  'If-Modified-Since',
  'If-Unmodified-Since',
  'Content-Type',
  'Prefer',
  'If',
  'Lock-Token',
  'Idempotency-Key',
  'Range',
  'If-Range',
  'Content-Digest',
  'Repr-Digest',
])('a script of another origin may send %s', (field) => {
  expect(CORS_ALLOWED_HEADERS).toContain(field)
})

test.each([
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
  'Accept-Ranges',
  'Content-Range',
  'Content-Disposition',
  'Repr-Digest',
])('a script of another origin sees %s', (field) => {
  expect(CORS_EXPOSED_HEADERS).toContain(field)
})
