import * as crypto from 'node:crypto'

/**
 * The SHA-256 of a text (in UTF-8) or of bytes, as text. In one call where Node has it, from 20.12 on: the object that
 * `createHash` makes costs more than what it hashes here.
 */
export const sha256: (data: string | Buffer, encoding: 'hex' | 'base64url') => string =
  typeof crypto.hash === 'function'
    ? (data, encoding) => crypto.hash('sha256', data, encoding)
    : (data, encoding) => crypto.createHash('sha256').update(data).digest(encoding)
