// Somebody saved while I was writing: who changed what, and what to keep.

import { conflictField } from './conflict-field.mjs'
import { differences, summary } from './differences.mjs'

const dialog = document.getElementById('conflict')
const form = dialog.querySelector('form')
const part = (name) => document.getElementById(`conflict-${name}`)

/** Resolves to my article with what was chosen, or to nothing: back to my text. */
export function askWhatToKeep({ base, theirs, mine }) {
  const them = theirs.editedBy === mine.editedBy ? `Somebody else called ${theirs.editedBy}` : theirs.editedBy
  const found = differences(base, theirs, mine)
  const fields = found.map((field) => conflictField(field, them))

  part('heading').textContent = `${them} saved this article while you were writing`
  part('summary').textContent = `${summary(found, them)} Yours is not saved yet, and not lost. Choose what to keep.`
  part('fields').replaceChildren(...fields.map((field) => field.fieldset))
  document.getElementById('all-theirs').onclick = () => chooseInAll('theirs')
  document.getElementById('all-mine').onclick = () => chooseInAll('mine')
  part('cancel').onclick = () => dialog.close()
  form.oninput = nameButton
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

  function withChoices() {
    return { ...mine, ...Object.fromEntries(fields.map(({ name, chosen }) => [name, chosen()])) }
  }

  function nameButton() {
    const nothingOfMine = found.every(({ theirs: saved }, index) => fields[index].chosen() === saved)
    part('save').textContent = nothingOfMine ? 'Take what is saved' : 'Save this'
  }
}
