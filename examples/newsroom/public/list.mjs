import { list } from './api.mjs'
import { element } from './element.mjs'
import { whenReachable } from './reachable.mjs'
import { statusName } from './status.mjs'

const place = document.getElementById('articles')

let current

export async function showList(currentId) {
  current = currentId
  const { value, problem } = await list()
  const items = problem ? [element('li', {}, `${problem.title}.`)] : value.map((article) => item(article, currentId))
  place.replaceChildren(...items)
  if (problem?.code === 'unreachable') whenReachable(showAgain)
}

const showAgain = () => showList(current)

function item({ id, title, status }, currentId) {
  const link = element(
    'a',
    { href: `#/${id}` },
    title,
    ' ',
    element('span', { className: 'status' }, statusName(status)),
  )
  if (id === currentId) link.setAttribute('aria-current', 'page')
  return element('li', {}, link)
}
