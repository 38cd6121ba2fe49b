/**
 * The page, its style and its script. The browser loads them as separate files, so the Content-Security-Policy can be
 * strict.
 */
export const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Conflicts</title>
<link rel="stylesheet" href="page.css">
<script src="page.js" defer></script>
<header><h1>Conflicts</h1><p id="state" role="status">Connecting…</p></header>
<main>
<section aria-labelledby="h-totals"><h2 id="h-totals">In total</h2><dl id="totals"></dl></section>
<section aria-labelledby="h-hot"><h2 id="h-hot">Where requests collide, and what would help</h2><div id="hot"></div></section>
<section aria-labelledby="h-time"><h2 id="h-time">Refusals a minute, by kind</h2><div id="time"></div></section>
<section aria-labelledby="h-routes"><h2 id="h-routes">Refusals a minute, by route</h2><div id="routes-time"></div><div id="routes"></div></section>
<section aria-labelledby="h-locks"><h2 id="h-locks">Locks that requests wait for</h2><div id="locks"></div></section>
<section aria-labelledby="h-last"><h2 id="h-last">Last refusals</h2><div id="last"></div></section>
</main>
</html>
`

export const STYLE = `:root{--ink:#1b1f24;--soft:#59636e;--paper:#fff;--card:#f6f8fa;--line:#d1d9e0;--one:#0969da;--two:#bc4c00;--three:#1a7f37;--four:#8250df;--five:#bf3989}
@media (prefers-color-scheme:dark){:root{--ink:#f0f6fc;--soft:#9198a1;--paper:#0d1117;--card:#151b23;--line:#3d444d;--one:#4493f8;--two:#f0883e;--three:#3fb950;--four:#ab7df8;--five:#db61a2}}
*{box-sizing:border-box}
body{margin:0;font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
header,main{max-width:70rem;margin:0 auto;padding:0 1rem}
header{display:flex;flex-wrap:wrap;gap:0 1rem;align-items:baseline}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}
#state,.soft{color:var(--soft)}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(8rem,1fr));gap:.5rem;margin:0}
dl div,article{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.5rem .75rem}
dt{color:var(--soft);font-size:.85rem}dd{margin:0;font-size:1.4rem;font-variant-numeric:tabular-nums}
article{margin:0 0 .75rem}article h3{margin:0;font-size:1rem}article ul{margin:.25rem 0;padding-left:1.2rem}
.scroll{overflow-x:auto}.scroll:focus-visible{outline:2px solid var(--one)}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .75rem .25rem 0;border-bottom:1px solid var(--line);white-space:nowrap}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
code{font-size:.9em}svg{display:block;width:100%;height:10rem}
.k0{fill:var(--one);color:var(--one)}.k1{fill:var(--two);color:var(--two)}.k2{fill:var(--three);color:var(--three)}.k3{fill:var(--four);color:var(--four)}.k4{fill:var(--five);color:var(--five)}.rest{fill:var(--soft);color:var(--soft)}
.legend{display:flex;flex-wrap:wrap;gap:0 1rem;padding:0;list-style:none}
@media (max-width:40rem){td,th{white-space:normal}.wide{display:none}}
`

export const SCRIPT = `'use strict'
const at = (id) => document.getElementById(id)
const make = (name, attributes, ...children) => {
  const node = /^(svg|rect)$/.test(name) ? document.createElementNS('http://www.w3.org/2000/svg', name) : document.createElement(name)
  for (const [key, value] of Object.entries(attributes ?? {})) node.setAttribute(key, value)
  node.append(...children)
  return node
}
const table = (label, heads, rows) =>
  rows.length === 0
    ? make('p', { class: 'soft' }, 'Nothing yet.')
    : make('div', { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': label },
        make('table', { 'aria-label': label },
          make('thead', {}, make('tr', {}, ...heads.map((head) => make('th', { scope: 'col', class: head.startsWith('#') ? 'n' : '' }, head.replace('#', ''))))),
          make('tbody', {}, ...rows.map((row) => make('tr', {}, ...row.map((cell, column) => make('td', { class: heads[column].startsWith('#') ? 'n' : '' }, String(cell))))))))
const counted = (counts) => Object.entries(counts).sort((a, b) => b[1] - a[1])
// What has not changed stays, and so do the focus and what was scrolled to.
const drawn = {}
function draw(id, data, nodesOf) {
  const text = JSON.stringify(data)
  if (drawn[id] === text) return
  drawn[id] = text
  const box = at(id)
  const before = box.querySelector('.scroll')
  const [hasFocus, left] = [before !== null && before === document.activeElement, before?.scrollLeft ?? 0]
  box.replaceChildren(...nodesOf())
  const after = box.querySelector('.scroll')
  if (after) after.scrollLeft = left
  if (hasFocus) after?.focus({ preventScroll: true })
}
const say = (id, text) => {
  if (at(id).textContent !== text) at(id).textContent = text
}
// Names keep their colour while they are among the five that are shown.
const COLOURS = ['k0', 'k1', 'k2', 'k3', 'k4']
const colours = { kinds: {}, routes: {} }
function coloured(by, names) {
  const before = colours[by]
  const now = (colours[by] = {})
  for (const name of names) if (before[name]) now[name] = before[name]
  for (const name of names) now[name] ??= COLOURS.find((colour) => !Object.values(now).includes(colour))
  return now
}
const sumOf = (counts) => Object.values(counts).reduce((a, b) => a + b, 0)
function chart(minutes, by) {
  if (minutes.length === 0) return make('p', { class: 'soft' }, 'Nothing was refused yet.')
  const sums = {}
  for (const minute of minutes) for (const [name, count] of Object.entries(minute[by])) sums[name] = (sums[name] ?? 0) + count
  const { other: _, ...named } = sums
  const shown = counted(named).slice(0, 5)
  const names = shown.map(([name]) => name)
  const colour = coloured(by, names)
  const rest = sumOf(sums) - sumOf(Object.fromEntries(shown))
  const last = Math.max(minutes[minutes.length - 1].at, Date.now() - (Date.now() % 60000))
  const most = Math.max(...minutes.map((minute) => sumOf(minute[by])))
  const label = 'Refusals a minute in the last hour, by ' + (by === 'kinds' ? 'kind' : 'route') + ', ' + most + ' at the most'
  const svg = make('svg', { viewBox: '0 0 600 100', preserveAspectRatio: 'none', role: 'img', 'aria-label': label })
  for (const { at: minute, [by]: each } of minutes) {
    let y = 100
    const bar = (name, count) => {
      const height = (count / most) * 98
      y -= height
      if (height > 0) svg.append(make('rect', { class: name, x: 590 - ((last - minute) / 60000) * 10, y, width: 8, height }))
    }
    for (const name of names) bar(colour[name], each[name] ?? 0)
    bar('rest', sumOf(each) - names.reduce((sum, name) => sum + (each[name] ?? 0), 0))
  }
  const item = (name, text, sum) => make('li', {}, make('span', { class: name, 'aria-hidden': 'true' }, '■ '), text + ' ' + sum)
  const legend = shown.map(([name, sum]) => item(colour[name], name, sum))
  if (rest > 0) legend.push(item('rest', 'others', rest))
  return make('div', {}, svg, make('ul', { class: 'legend' }, ...legend), make('p', { class: 'soft' }, 'The last hour; the highest minute has ' + most + '.'))
}
function spot({ resource, key, conflicts, retries, kinds, members, advice }) {
  const touched = counted(members).slice(0, 5).map(([pointer, count]) => pointer + ' (' + count + ')').join(', ')
  return make('article', {},
    make('h3', {}, resource + ' ', make('code', {}, key)),
    make('p', {}, conflicts + ' refused, ' + retries + ' written again: ' + counted(kinds).map(([kind, count]) => kind + ' ' + count).join(', ')),
    ...(touched ? [make('p', {}, 'Two writers touched: ' + touched)] : []),
    make('ul', {}, ...advice.map(({ option, text, helps }) => make('li', {}, make('code', {}, option), ' would have helped ' + helps + (helps === 1 ? ' time. ' : ' times. ') + text))))
}
const NAMES = { refused: 'refused', committed: 'committed', retries: 'written again', merges: 'merged', replays: 'replayed', locksLost: 'locks lost' }
const ADVICE = { refetch: 'read again', wait: 'send again later', 'change-request': 'correct the request', 'new-key': 'new key', merge: 'merge', none: 'final' }
function show({ processes, totals, minutes, routes, locks, hot, refusals }) {
  say('h-totals', processes === 1 ? 'In one process' : 'In ' + processes + ' processes')
  draw('totals', totals, () => Object.entries(NAMES).map(([name, label]) => make('div', {}, make('dt', {}, label), make('dd', {}, String(totals[name] ?? 0)))))
  draw('hot', hot, () => (hot.length === 0 ? [make('p', { class: 'soft' }, 'Nothing has collided yet.')] : hot.map(spot)))
  const minute = Math.floor(Date.now() / 60000)
  draw('time', [minutes, minute], () => [chart(minutes, 'kinds')])
  draw('routes-time', [minutes, minute], () => [chart(minutes, 'routes')])
  draw('routes', routes, () => [table('Routes', ['Route', '#Refused'], routes.map(({ route, conflicts }) => [route, conflicts]))])
  draw('locks', locks, () => [table('Locks', ['Resource', 'Key', '#Held', '#Waiting', '#Have waited', '#On average'],
    locks.map(({ resource, key, held, waiting, waited, waitedMs }) => [resource, key, held, waiting, waited, waited ? Math.round(waitedMs / waited) + ' ms' : '–']))])
  draw('last', refusals, () => [table('Last refusals', ['When', '#Status', 'Kind', 'Route', 'Client should', 'Instance'],
    refusals.map((each) => [new Date(each.at).toLocaleTimeString(), each.status, each.code + (each.enforced ? '' : ' (let through)'), each.route, ADVICE[each.resolution] ?? each.resolution, each.instance]))])
}
const source = new EventSource('live')
source.onmessage = ({ data }) => {
  show(JSON.parse(data))
  say('state', 'Live')
}
source.onerror = () => say('state', 'The connection was lost; trying again…')
`
