import Ajv from 'ajv'
import Ajv2020 from 'ajv/dist/2020'
import { valueAt } from '../../json/pointer'

/** Draft-07 where `$schema` says so, else 2020-12. */
export function newAjv(schema: object, options: object): Ajv {
  return /draft-07/.test(String(valueAt(schema, ['$schema']))) ? new Ajv(options) : new Ajv2020(options)
}
