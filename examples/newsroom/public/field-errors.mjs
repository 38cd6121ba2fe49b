// From a problem (RFC 9457) to words beside the fields.

import { listed } from './differences.mjs'
import { statusName } from './status.mjs'

/** `[{ name, message }]`: what the newsroom has against a change, field by field. */
export function fieldErrors({ code, detail, errors = [], conflicts = [], from, allowed = [] }) {
  if (code === 'transition_not_allowed') return [{ name: 'status', message: whereTo(from, allowed) }]
  const ofSchema = errors.map(({ instancePath, keyword, message, params }) => ({
    name: nameIn(instancePath) || params.missingProperty,
    message: inWords(keyword, params) ?? `This ${message}.`,
  }))
  const ofRules = conflicts.map(({ pointer }) => ({ name: nameIn(pointer), message: detail }))
  return [...ofSchema, ...ofRules]
}

const nameIn = (pointer) => pointer.split('/')[1]

function whereTo(from, allowed) {
  const names = allowed.map((status) => `“${statusName(status)}”`)
  const start = from === undefined ? 'An article begins as' : `From “${statusName(from)}” it can only go to`
  return names.length > 0 ? `${start} ${listed(names, 'or')}.` : `“${statusName(from)}” is for good.`
}

function inWords(keyword, { limit }) {
  if (keyword === 'minLength' || keyword === 'required') return 'Write something here.'
  if (keyword === 'maxLength') return `At most ${limit} characters.`
  return undefined
}
