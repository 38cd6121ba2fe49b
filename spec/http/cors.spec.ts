import { CORS_ALLOWED_HEADERS, CORS_EXPOSED_HEADERS } from '../../lib/http/cors'

test.each(['If-Match', 'If-None-Match', 'If-Modified-Since', 'If-Unmodified-Since', 'Content-Type', 'Prefer'])(
  'a script of another origin may send %s',
  (field) => {
    expect(CORS_ALLOWED_HEADERS).toContain(field)
  },
)

test.each([
  'ETag',
  'Last-Modified',
  'Location',
  'Retry-After',
  'Allow',
  'Accept-Patch',
  'Preference-Applied',
  'Merged-With',
])('a script of another origin sees %s', (field) => {
  expect(CORS_EXPOSED_HEADERS).toContain(field)
})
