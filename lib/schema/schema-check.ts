import type { Marks } from '../json/marks'

/** What is wrong with a value, as far as a client may know it. */
export interface SchemaError {
  readonly instancePath: string
  readonly keyword: string
  readonly message: string
  readonly params: object
}

/** A valid value may be another one than was given: a schema can convert, fill in and leave out. */
export type Checked =
  | { readonly ok: true; readonly value: unknown; readonly missing?: readonly SchemaError[] | undefined }
  | { readonly ok: false; readonly errors: readonly SchemaError[] }

export interface SchemaCheck {
  /**
   * With `isDraft`, members that only the server sets may be missing although they are required; `missing` then says
   * what is wrong until they are filled in.
   */
  check(value: unknown, isDraft: boolean): Checked | Promise<Checked>
  /** The members of a value that only the server sets. */
  readOnlyIn(value: unknown): Marks | undefined
  /** The members of a value that clients send and never see. */
  writeOnlyIn(value: unknown): Marks | undefined
}
