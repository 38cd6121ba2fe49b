// One field of the conflict: what I started from, what is saved now, mine, and for texts a wording of its own.

import { markedWords } from './combine.mjs'
import { element } from './element.mjs'
import { statusName } from './status.mjs'

/** `chosen()` is the value to keep; `undefined` while nothing is chosen. */
export function conflictField(field, them) {
  const { name, label, by, base, theirs, mine, combined } = field
  const who = { them: `${them} changed it`, me: 'you changed it', both: 'you both changed it' }[by]
  const own = name === 'status' ? undefined : ownWording(field)
  const sides = {
    theirs: option(field, 'theirs', `Saved now, by ${them}`, shown(name, base, theirs)),
    mine: option(field, 'mine', 'Mine', shown(name, base, mine)),
    ...(own && { own: own.option }),
  }
  const fieldset = element(
    'fieldset',
    {},
    element('legend', {}, label, ' ', element('span', { className: 'by' }, who)),
    element(
      'div',
      { className: 'sides' },
      element(
        'div',
        { className: 'side base' },
        element('p', { className: 'side-name' }, 'You started from'),
        shown(name, base, base),
      ),
      ...Object.values(sides),
    ),
  )
  const radio = (side) => sides[side].querySelector('input')
  // Where both changed the same words, only a person can tell: nothing is chosen beforehand.
  const before = by === 'them' ? 'theirs' : by === 'me' ? 'mine' : combined === undefined ? undefined : 'own'
  if (before) radio(before).checked = true

  return {
    name,
    fieldset,
    choose: (side) => {
      radio(side).checked = true
    },
    chosen: () => {
      const side = Object.keys(sides).find((each) => radio(each).checked)
      return side === 'own' ? own.text() : field[side]
    },
  }
}

function option({ name }, side, text, content) {
  const radio = element('input', { type: 'radio', name: `keep-${name}`, value: side, required: true })
  return element(
    'label',
    { className: `side ${side}` },
    element('span', { className: 'side-name' }, radio, text),
    content,
  )
}

function ownWording({ name, label, mine, combined }) {
  const words = combined === undefined ? 'In other words' : 'Both changes together'
  const rows = name === 'body' ? 8 : 2
  const textarea = element('textarea', { rows, value: combined ?? mine, ariaLabel: `${label}: ${words.toLowerCase()}` })
  const radio = element('input', { type: 'radio', name: `keep-${name}`, value: 'own', required: true })
  textarea.addEventListener('input', () => {
    radio.checked = true
  })
  const head = element('label', { className: 'side-name' }, radio, words)
  return { option: element('div', { className: 'side own' }, head, textarea), text: () => textarea.value }
}

/** A value as people read it, with what is new since `base` marked. */
function shown(name, base, value) {
  if (name === 'status') return element('span', { className: 'side-text' }, statusName(value))
  if (value === '') return element('span', { className: 'side-text empty' }, 'nothing')
  const pieces = markedWords(base, value).map(({ text, isNew }) => (isNew ? element('mark', {}, text) : text))
  return element('span', { className: 'side-text' }, ...pieces)
}
