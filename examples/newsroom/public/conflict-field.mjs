// One field that both changed: what I started from, what is saved now, mine, and for texts a wording of its own.

import { shown } from './changes.mjs'
import { element } from './element.mjs'

/** `chosen()` is the value to keep; `undefined` while nothing is chosen. */
export function conflictField(field, them) {
  const { name, label, base, theirs, mine, combined } = field
  const own = name === 'status' ? undefined : ownWording(field)
  const sides = {
    theirs: option(field, 'theirs', `Saved now, by ${them}`, shown(name, base, theirs)),
    mine: option(field, 'mine', 'Mine', shown(name, base, mine)),
    ...(own && { own: own.option }),
  }
  const error = element('p', { className: 'field-error', id: `conflict-${name}-error` })
  const fieldset = element(
    'fieldset',
    { oninput: () => explain('') },
    element('legend', {}, label),
    error,
    element(
      'div',
      { className: 'sides' },
      element(
        'div',
        { className: 'side base' },
        element('p', { className: 'side-name' }, 'You started from'),
        shown(name, base),
      ),
      ...Object.values(sides),
    ),
  )
  const radio = (side) => sides[side].querySelector('input')
  // Where both changed the same words, only a person can tell: nothing is chosen beforehand.
  if (combined !== undefined) radio('own').checked = true

  return {
    name,
    fieldset,
    choose: (side) => {
      radio(side).checked = true
      explain('')
    },
    chosen: () => {
      const side = Object.keys(sides).find((each) => radio(each).checked)
      return side === 'own' ? own.text() : field[side]
    },
    /** Says beside the field that it waits for a choice. */
    askToChoose: () => explain(`Choose one${own ? ', or write it in other words' : ''}. Nothing is saved yet.`),
    focus: () => radio('theirs').focus(),
  }

  function explain(words) {
    error.textContent = words
    fieldset.setAttribute('aria-describedby', words === '' ? '' : error.id)
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
