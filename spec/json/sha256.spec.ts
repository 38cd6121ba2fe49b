import * as crypto from 'node:crypto'
import { sha256 } from '../../lib/json/sha256'

/** As on a Node that has no `crypto.hash`: before 20.12. */
function withoutHash(): typeof sha256 {
  let older: typeof sha256 | undefined
  jest.isolateModules(() => {
    jest.doMock('node:crypto', () => ({ ...crypto, hash: undefined }))
    older = require('../../lib/json/sha256').sha256
    jest.dontMock('node:crypto')
  })
  return older as typeof sha256
}

// FIPS 180-4, "abc".
const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'

test.each([
  ['where Node hashes in one call', () => sha256],
  ['where it does not', withoutHash],
])('%s', (_name, make) => {
  const digest = make()
  expect(digest('abc', 'hex')).toBe(ABC)
  expect(digest(Buffer.from('abc'), 'hex')).toBe(ABC)
  expect(digest('abc', 'base64url')).toBe(Buffer.from(ABC, 'hex').toString('base64url'))
  expect(digest('é', 'hex')).toBe(digest(Buffer.from('é', 'utf8'), 'hex'))
})
