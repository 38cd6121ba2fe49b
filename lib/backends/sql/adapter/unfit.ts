import { storeFault } from '../../../contracts/store-fault'

/**
 * The request is at fault, not the database: a key or a value that the table cannot hold. It has the shape of what
 * PostgreSQL says then, and is recognised like it.
 */
export function unfit(what: string): Error {
  const cause = Object.assign(new Error(`sqlAdapter(): ${what}`), { code: '22000', severity: 'ERROR' })
  return storeFault(cause, { applied: 'no' })
}
