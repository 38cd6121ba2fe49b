// Who is writing. Kept for this window alone, so that two windows can be two people.

const input = document.getElementById('editedBy')
const NAMES = ['Anna', 'Ben', 'Chiara', 'David', 'Emine', 'Femi']

input.value = sessionStorage.getItem('name') ?? nextName()
remember()
input.addEventListener('change', remember)

export function myName() {
  return input.value.trim()
}

/** The first window is Anna's, the second one Ben's. */
function nextName() {
  const count = Number(localStorage.getItem('windows') ?? 0)
  localStorage.setItem('windows', String(count + 1))
  return NAMES[count % NAMES.length]
}

function remember() {
  sessionStorage.setItem('name', myName())
}
