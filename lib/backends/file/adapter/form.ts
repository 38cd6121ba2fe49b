import { jsonText, parseJson } from '../../../json/text'

/** How values of one kind are kept in files. */
export interface Form<T> {
  /** The text of the record, and the path of a file that goes with it. */
  keep(value: T): Promise<Parts> | Parts
  /** The value of a record. `data` is where the file that goes with it belongs, `source` where it lies now. */
  give(text: string, data: string, source: string): Promise<Given<T>> | Given<T>
}

export interface Parts {
  readonly text: string
  readonly data?: string | undefined
}

export interface Given<T> {
  readonly value: T
  /** What the version stands for, beside the record. */
  readonly seal: string
  /** When the file that goes with the record was changed behind our back. */
  readonly changedMs?: number | undefined
}

/** The record is the value. */
export function jsonForm<T>(): Form<T> {
  return {
    keep: (value) => ({ text: `${jsonText(value, 'fileAdapter()')}\n` }),
    give: (text) => ({ value: parseJson(text, 'fileAdapter()') as T, seal: '' }),
  }
}
