import { aPointer, aText, checkOptions, type Expectation, listOf, oneOf } from '../../options'

/** Which conditions a change has to bring, and where a version may come from beside the header fields. */
export interface PreconditionOptions {
  /**
   * What PUT, PATCH and DELETE on an existing resource have to bring: `true` (default), some condition, `If-Match: *`
   * included; `'version'`, one that names a version; `false`, nothing.
   */
  readonly required?: boolean | 'version'
  /** `'accept'` lets `If-Match` match the weak and the suffixed form of the current tag. Default: `'refuse'`. */
  readonly weak?: 'refuse' | 'accept'
  /** What proxies put behind a tag when they compress. Default: `-gzip`, `;gzip`, `-br`, `;br`. */
  readonly tagSuffixes?: readonly string[]
  /** JSON Pointer at which representations show the version and bodies may bring it back, such as `/revision`. */
  readonly versionField?: string
  /** Name of a query parameter that may bring the version. */
  readonly versionQuery?: string
  /** `'early'` (default): 304 before the handler runs. `'late'`: the handler runs and its headers are kept. */
  readonly notModified?: 'early' | 'late'
  /**
   * `'report'`: what conditions and versions would have refused is told with `enforced: false`, and goes through as it would
   * without the chain, over what others wrote. Everything else is enforced. Default: `'enforce'`.
   */
  readonly mode?: 'enforce' | 'report'
}

/** How the conditions of a definition are judged. */
export interface PreconditionSettings {
  readonly required: boolean | 'version'
  readonly acceptWeakForms: boolean
  readonly tagSuffixes: readonly string[]
  readonly versionQuery: string | undefined
  readonly notModifiedLate: boolean
  /** Conditions and versions refuse nothing: it is only told what they would have refused. */
  readonly reportsOnly: boolean
}

const someText = aText('a non-empty string')

const PRECONDITIONS: Readonly<Record<keyof PreconditionOptions, Expectation>> = {
  required: oneOf(true, false, 'version'),
  weak: oneOf('refuse', 'accept'),
  tagSuffixes: listOf(someText),
  versionField: aPointer,
  versionQuery: someText,
  notModified: oneOf('early', 'late'),
  mode: oneOf('enforce', 'report'),
}

/** What Apache's mod_deflate and mod_brotli and their like put behind a tag. */
const TAG_SUFFIXES = ['-gzip', ';gzip', '-br', ';br']

export function readPreconditions(caller: string, options: PreconditionOptions): PreconditionSettings {
  checkOptions(caller, options, PRECONDITIONS)
  return {
    required: options.required ?? true,
    acceptWeakForms: options.weak === 'accept',
    tagSuffixes: options.tagSuffixes ?? TAG_SUFFIXES,
    versionQuery: options.versionQuery,
    notModifiedLate: options.notModified === 'late',
    reportsOnly: options.mode === 'report',
  }
}
