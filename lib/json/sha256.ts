import * as crypto from 'node:crypto'

/**
 * The SHA-256 of bytes, or of a text in UTF-8. From Node 20.12 on it takes one call, which costs less: `createHash`
 * makes an object that costs more than the hash.
 */
export const sha256: (data: string | Buffer, encoding: 'hex' | 'base64url') => string =
  typeof crypto.hash === 'function'
    ? (data, encoding) => crypto.hash('sha256', data, encoding)
    : (data, encoding) => crypto.createHash('sha256').update(data).digest(encoding)
