// Somebody saved while I was writing, and changed what I changed too: what to keep.

import { conflictField } from './conflict-field.mjs'
import { merge, summary } from './differences.mjs'

const dialog = document.getElementById('conflict')
const form = dialog.querySelector('form')
const part = (name) => document.getElementById(`conflict-${name}`)

/** Asks about what both changed. Resolves to my article with everything merged, or to nothing: back to my text. */
export function askWhatToKeep(found, mine, them) {
  const fields = found.filter(({ by }) => by === 'both').map((field) => conflictField(field, them))
  const rest = fields.length < found.length ? ' The rest is merged.' : ''

  part('heading').textContent = `${them} saved this article while you were writing`
  part('summary').textContent =
    `${summary(found, them)} Yours is not saved yet, and not lost. Choose what to keep of what you both changed.${rest}`
  part('fields').replaceChildren(...fields.map((field) => field.fieldset))
  part('all').hidden = fields.length < 2
  document.getElementById('all-theirs').onclick = () => chooseInAll('theirs')
  document.getElementById('all-mine').onclick = () => chooseInAll('mine')
  part('cancel').onclick = () => dialog.close()
  form.oninput = nameButton
  form.onsubmit = refuseWithoutChoice
  nameButton()

  dialog.returnValue = ''
  dialog.showModal()
  dialog.scrollTop = 0
  return new Promise((resolve) => {
    dialog.onclose = () => resolve(dialog.returnValue === 'save' ? withChoices() : undefined)
  })

  function chooseInAll(side) {
    for (const field of fields) field.choose(side)
    nameButton()
    part('save').focus()
  }

  function refuseWithoutChoice(event) {
    const open = fields.filter(({ chosen }) => chosen() === undefined)
    if (open.length === 0) return
    event.preventDefault()
    for (const field of open) field.askToChoose()
    open[0].focus()
  }

  function withChoices() {
    return { ...merge(found, mine), ...Object.fromEntries(fields.map(({ name, chosen }) => [name, chosen()])) }
  }

  function nameButton() {
    const choices = new Map(fields.map(({ name, chosen }) => [name, chosen()]))
    const nothingOfMine = found.every(({ name, by, theirs }) => by === 'them' || choices.get(name) === theirs)
    part('save').textContent = nothingOfMine ? 'Take what is saved' : 'Save this'
  }
}
