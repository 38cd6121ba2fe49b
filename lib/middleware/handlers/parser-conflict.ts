import { ConflictError } from '../../conflicts/conflicts'

/** What body-parser and raw-body call their refusals. */
const PARSER_ERRORS: Readonly<Record<string, ConstructorParameters<typeof ConflictError>>> = {
  'entity.parse.failed': ['malformed_body', { detail: 'The body is not valid JSON.' }],
  'entity.verify.failed': ['malformed_body', { detail: 'The body was refused.' }],
  'entity.decompress.failed': ['malformed_body', { detail: 'The body cannot be decompressed.' }],
  'request.aborted': ['malformed_body', { detail: 'The body ended too early.' }],
  'request.size.invalid': ['malformed_body', { detail: 'The body is not as long as Content-Length says.' }],
  'entity.too.large': ['content_too_large', { detail: 'The body is larger than this app accepts.' }],
  'parameters.too.many': ['content_too_large', { detail: 'The body has more parameters than this app accepts.' }],
  'encoding.unsupported': [
    'unsupported_media_type',
    { detail: 'The Content-Encoding of the body is not understood here.' },
  ],
  'charset.unsupported': ['unsupported_media_type', { detail: 'The charset of the body is not understood here.' }],
}

/** A body parser's 4xx as a conflict; `undefined` for any other error. Its message may quote the body, so it is not passed on. */
export function parserConflict(error: unknown): ConflictError | undefined {
  if (!(error instanceof Error)) return undefined
  const type = isOfZlib(error) ? 'entity.decompress.failed' : 'type' in error ? String(error.type) : ''
  const known = Object.hasOwn(PARSER_ERRORS, type) ? PARSER_ERRORS[type] : undefined
  return known && new ConflictError(known[0], { ...known[1], cause: error })
}

/** body-parser gives a 400 to bytes that zlib refused, and no type. */
function isOfZlib(error: Error): boolean {
  return 'status' in error && error.status === 400 && 'code' in error && String(error.code).startsWith('Z_')
}
