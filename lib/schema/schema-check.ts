import type { Marks } from '../json/marks'

/** An error in a value, with the facts that a client may know. */
export interface SchemaError {
  readonly instancePath: string
  readonly keyword: string
  readonly message: string
  readonly params: object
}

/** The result of a check. The value may differ from the one that was given, because a schema can convert or add members. */
export type Checked =
  | { readonly ok: true; readonly value: unknown; readonly missing?: readonly SchemaError[] | undefined }
  | { readonly ok: false; readonly errors: readonly SchemaError[] }

export interface SchemaCheck {
  /**
   * With `isDraft`, required members that only the server sets may be missing. `missing` then has the errors that remain
   * until they are filled in.
   */
  check(value: unknown, isDraft: boolean): Checked | Promise<Checked>
  /** The members of a value that only the server sets. */
  readOnlyIn(value: unknown): Marks | undefined
  /** The members of a value that clients can send but never see. */
  writeOnlyIn(value: unknown): Marks | undefined
}
