// Texts as people read them, with what was removed struck out and what was added marked.

import { changedWords } from './combine.mjs'
import { element } from './element.mjs'
import { statusName } from './status.mjs'

const MARKS = { removed: 'del', added: 'ins' }

/** A value of that field. Without changes it is the same before and after. */
export function shown(name, before, after = before) {
  if (before === '' && after === '') return element('span', { className: 'side-text empty' }, 'nothing')
  const pieces = name === 'status' ? statuses(before, after) : changedWords(before, after)
  const marked = pieces.map(({ kind, text }) => (MARKS[kind] ? element(MARKS[kind], {}, text) : text))
  return element('span', { className: 'side-text' }, ...marked)
}

function statuses(before, after) {
  if (before === after) return [{ kind: 'kept', text: statusName(after) }]
  return [
    { kind: 'removed', text: statusName(before) },
    { kind: 'added', text: statusName(after) },
  ]
}
