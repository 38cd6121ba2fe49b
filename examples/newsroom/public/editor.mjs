// The form: fills it, reads it, and says what happened.

import { shown } from './changes.mjs'
import { FIELDS } from './differences.mjs'
import { element } from './element.mjs'
import { statusName } from './status.mjs'

const form = document.getElementById('editor')
const notice = document.getElementById('notice')
const state = document.getElementById('state')
const inputs = FIELDS.map(({ name }) => form.elements[name])

export const written = () => Object.fromEntries(inputs.map(({ name, value }) => [name, value]))

export function showArticle(article, { isNew, isFrozen }) {
  for (const input of inputs) {
    input.value = article[input.name]
    input.readOnly = isFrozen
  }
  form.elements.status.disabled = isFrozen
  document.getElementById('editor-heading').textContent = isNew ? 'New article' : article.title || 'Untitled'
  document.getElementById('facts').textContent = isNew ? 'Nothing is saved yet.' : factsOf(article)
  for (const id of ['save', 'undo']) document.getElementById(id).hidden = isFrozen
  document.getElementById('remove').hidden = isNew || isFrozen
  clearMessages()
  for (const details of form.querySelectorAll('.merged')) details.remove()
  form.hidden = false
}

export function showWords(article) {
  for (const input of inputs) input.value = article[input.name]
}

function factsOf({ author, status, createdAt, editedBy }) {
  const begun = createdAt ? `, begun ${new Date(createdAt).toLocaleDateString('en', { dateStyle: 'long' })}` : ''
  return `By ${author}${begun}. ${statusName(status)}. Last saved by ${editedBy}.`
}

/** One short sentence beside the buttons, read out by screen readers. */
export function say(text) {
  state.textContent = text
}

/** Under each field that somebody else changed, who it was, and what it was before. */
export function showMerged(merged) {
  for (const { name, who, base, theirs } of merged) {
    const what = element('summary', {}, `${who} changed this`)
    const details = element('details', { className: 'merged theirs' }, what, shown(name, base, theirs))
    document.getElementById(`${name}-error`).before(details)
  }
}

/**
 * A message that asks for something. The focus goes to it, so that nobody has to look for it. Gives what ends it with
 * a short sentence, where it still stands.
 */
export function ask(title, detail, actions) {
  notice.querySelector('.notice-title').textContent = title
  notice.querySelector('.notice-detail').textContent = detail
  const buttons = actions.map(([text, onclick]) => element('button', { type: 'button', onclick }, text))
  notice.querySelector('.actions').replaceChildren(...buttons)
  notice.hidden = false
  say('')
  notice.focus()
  return (words) => {
    if (notice.hidden || (buttons[0] && !notice.contains(buttons[0]))) return
    const hadFocus = notice.contains(document.activeElement)
    clearMessages()
    say(words)
    if (hadFocus) document.getElementById('save').focus()
  }
}

/** Puts each error beside its field and the focus on the first. Says whether there was a place for every one. */
export function showFieldErrors(errors) {
  clearMessages()
  const placed = errors.filter(({ name, message }) => {
    const place = document.getElementById(`${name}-error`)
    if (place) place.textContent = message
    document.getElementById(name)?.setAttribute('aria-invalid', 'true')
    return place !== null
  })
  if (placed.length > 0) {
    say('Not saved.')
    document.getElementById(placed[0].name).focus()
  }
  return placed.length === errors.length && errors.length > 0
}

export function clearMessages() {
  notice.hidden = true
  say('')
  for (const place of document.querySelectorAll('.field-error')) place.textContent = ''
  for (const input of document.querySelectorAll('[aria-invalid]')) input.removeAttribute('aria-invalid')
}
