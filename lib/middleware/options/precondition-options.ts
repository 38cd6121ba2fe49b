import { aPointer, aText, checkOptions, type Expectation, listOf, oneOf } from '../../options'

/** Which conditions a change has to have, and where a version may come from besides the header fields. */
export interface PreconditionOptions {
  /**
   * The condition that PUT, PATCH and DELETE on an existing resource need. `true` (default): any condition, including
   * `If-Match: *`. `'version'`: a condition that names a version. `false`: none.
   */
  readonly required?: boolean | 'version'
  /** `'accept'` lets `If-Match` match the weak and the suffixed form of the current tag. Default: `'refuse'`. */
  readonly weak?: 'refuse' | 'accept'
  /** The suffixes that proxies add to a tag when they compress. Default: `-gzip`, `;gzip`, `-br`, `;br`. */
  readonly tagSuffixes?: readonly string[]
  /** JSON Pointer to the member that shows the version in representations, and may name it in bodies, such as `/revision`. */
  readonly versionField?: string
  /** Name of a query parameter that may contain the version. */
  readonly versionQuery?: string
  /** `'early'` (default): 304 before the handler runs. `'late'`: the handler runs, and the 304 has its headers. */
  readonly notModified?: 'early' | 'late'
  /**
   * `'report'`: a request that conditions or versions would refuse goes through, even over changes of others, and
   * listeners get the conflict with `enforced: false`. Everything else is enforced. Default: `'enforce'`.
   */
  readonly mode?: 'enforce' | 'report'
}

/** The prepared options. */
export interface PreconditionSettings {
  readonly required: boolean | 'version'
  readonly acceptWeakForms: boolean
  readonly tagSuffixes: readonly string[]
  readonly versionQuery: string | undefined
  readonly notModifiedLate: boolean
  /** Conditions and versions refuse nothing. Listeners only get what they would have refused. */
  readonly reportsOnly: boolean
}

const someText = aText('a non-empty string')

export const PRECONDITIONS: Readonly<Record<keyof PreconditionOptions, Expectation>> = {
  required: oneOf(true, false, 'version'),
  weak: oneOf('refuse', 'accept'),
  tagSuffixes: listOf(someText),
  versionField: aPointer,
  versionQuery: someText,
  notModified: oneOf('early', 'late'),
  mode: oneOf('enforce', 'report'),
}

/** The suffixes that Apache's mod_deflate, mod_brotli and others add to a tag. */
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
