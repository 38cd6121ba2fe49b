import { storeFault } from '../../../contracts/store-fault'

/**
 * The request is at fault, not the database: a key or a value that the table cannot hold. It has the shape of what
 * PostgreSQL says then, and is recognised like it.
 */
export function unfit(what: string): Error {
  return asPostgresSaysIt('22000', what)
}

/** A row policy or a trigger lets the change pass by without a word: it is refused as a policy refuses that speaks. */
export function forbidden(what: string): Error {
  return asPostgresSaysIt('42501', `${what}: a row policy or a trigger keeps it from that.`)
}

function asPostgresSaysIt(code: string, what: string): Error {
  const cause = Object.assign(new Error(`sqlAdapter(): ${what}`), { code, severity: 'ERROR' })
  return storeFault(cause, { applied: 'no' })
}
