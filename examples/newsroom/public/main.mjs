// Which article is on the desk: the address says it, as in #/city-budget.

import { read } from './api.mjs'
import { BLANK, clear, desk, isDirty, put } from './desk.mjs'
import { say } from './editor.mjs'
import { showList } from './list.mjs'
import { refreshLock } from './lock.mjs'
import { whenReachable } from './reachable.mjs'
import { remove, save } from './saving.mjs'
import './watch.mjs'

const editor = document.getElementById('editor')
const hint = document.getElementById('hint')
const welcome = hint.textContent

async function open() {
  const id = decodeURIComponent(location.hash.slice(2))
  clear()
  if (id === '') return close(welcome)
  if (id === 'new') put(BLANK, undefined)
  else {
    const { value, etag, problem } = await read(id)
    if (problem?.code === 'unreachable') whenReachable(openAgain)
    if (problem) return close(problem.code === 'gone' ? 'This article was deleted.' : `${problem.title}.`)
    put(value, etag)
  }
  hint.hidden = true
  document.body.classList.add('writing')
  document.getElementById('editor-heading').focus()
  void refreshLock()
}

const openAgain = () => desk.base === undefined && open()

function close(text) {
  editor.hidden = true
  hint.textContent = text
  hint.hidden = false
  document.body.classList.remove('writing')
  void refreshLock()
  return showList()
}

window.addEventListener('hashchange', ({ oldURL }) => {
  if (!isDirty() || confirm('Leave without saving what you wrote?')) return open()
  history.replaceState(null, '', oldURL)
})
window.addEventListener('beforeunload', (event) => {
  if (isDirty()) event.preventDefault()
})
editor.addEventListener('submit', (event) => {
  event.preventDefault()
  void save()
})
document.getElementById('undo').addEventListener('click', () => {
  put(desk.base, desk.etag)
  say('Back to how you opened it.')
})
document.getElementById('remove').addEventListener('click', remove)

void open()
