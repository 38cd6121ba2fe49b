import { createHmac, timingSafeEqual } from 'node:crypto'
import createEtag from 'etag'
import type { ResourceState } from '../contracts/adapter'
import { type EntityTag, opaqueFromVersion, parseEntityTag } from '../http/entity-tag'
import { canonicalJson } from '../json/equal'
import { refuseUnknown } from '../options'

/** What a tag is made from. */
export interface TagSource {
  readonly name: string
  readonly key: string
  readonly state: ResourceState<unknown>
  /** Returns the value as clients see it. */
  readonly representation: () => unknown
}

/** How the version of a state is shown as an entity tag. The compare-and-swap never sees a tag. */
export interface TagScheme {
  /** The first tag is shown; each of them is accepted as the current one. All are strong. */
  tagsFor(source: TagSource): readonly EntityTag[]
  /** Compares two opaque parts. Default: `===`. */
  readonly sameOpaque?: (a: string, b: string) => boolean
}

/** The version itself. Clients can see it, for example a counter. `signature` hides it. */
export const versionTag: TagScheme = {
  tagsFor: ({ state }) => [state.etag === undefined ? strong(opaqueFromVersion(state.version)) : parsed(state.etag)],
}

/**
 * A hash of the representation: the `etag` package over canonical JSON (RFC 8785).
 *
 * Two states with the same content have the same tag. So a client may continue if others have changed the resource and
 * changed it back. A client that can guess the content can also make its tag.
 */
export function contentHash(): TagScheme {
  return { tagsFor: ({ representation }) => [parsed(createEtag(canonicalJson(representation())))] }
}

/** The secrets of `signature`. A short secret is refused, because it could be guessed from one tag. */
export interface SignatureOptions {
  /** At least 32 secret bytes. */
  readonly secret: string | Buffer
  /** Tags that were made with these secrets are still accepted, so a secret can be changed at any time. */
  readonly previousSecrets?: readonly (string | Buffer)[] | undefined
}

/**
 * A state signature: HMAC-SHA-256 over the name of the resource, its key and its version.
 *
 * A client cannot make a tag by itself, and cannot read a counter from one. Tags do not expire, because a strong tag may
 * only change together with its state (RFC 9110 §8.8.1).
 */
export function signature(options: SignatureOptions): TagScheme {
  refuseUnknown('signature()', options, ['secret', 'previousSecrets'])
  const { secret, previousSecrets = [] } = options
  if (!Array.isArray(previousSecrets))
    throw new TypeError('signature(): previousSecrets has to be an array of secrets.')
  const secrets = [secret, ...previousSecrets]
  for (const each of secrets) {
    if (each === undefined || each === null)
      throw new TypeError(`signature(): a secret is ${each}; give at least 32 bytes. Is the environment variable set?`)
    const bytes = typeof each === 'string' || Buffer.isBuffer(each) ? Buffer.byteLength(each) : 0
    if (bytes < 32)
      throw new TypeError(`signature(): a secret of ${bytes} bytes can be guessed; give at least 32 bytes.`)
  }
  return {
    tagsFor({ name, key, state }) {
      // JSON separates the three parts, so no other key and version give the same text.
      const text = JSON.stringify([name, key, state.version])
      return secrets.map((each) => strong(createHmac('sha256', each).update(text).digest('base64url')))
    },
    sameOpaque: sameInConstantTime,
  }
}

/** `timingSafeEqual` throws if the lengths differ. The length is not a secret here. */
function sameInConstantTime(a: string, b: string): boolean {
  // Not as latin1, in which "Ł" is the same byte as "A".
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

function parsed(text: string): EntityTag {
  const tag = parseEntityTag(text)
  if (tag) return tag
  throw new TypeError(
    `The adapter gave ${JSON.stringify(text)} as etag, which is no entity tag: put it in double quotes.`,
  )
}

function strong(opaque: string): EntityTag {
  return { weak: false, opaque }
}
