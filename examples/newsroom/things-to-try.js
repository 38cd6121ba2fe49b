const { articles, toBeginAnew, where } = require('./storage')

/** What the terminal says: lines that work as they stand, from top to bottom, on articles nobody has changed yet. */
async function thingsToTry(url) {
  const [bridge, trains, budget] = await Promise.all(
    ['harbour-bridge', 'night-trains', 'city-budget'].map(async (id) => {
      const { version } = await articles.read(id)
      return { at: `${url}/articles/${id}`, tag: `"${version}"` }
    }),
  )
  return `
The newsroom is open.

  Open ${url} in two windows, change the same article in both, and save in both.

Or try it from a terminal, line by line. Each one says which status it answers, and why:

  200  the article and its ETag, which names the state that you have read
  ${read(bridge)}

  304  nothing is new, so nothing is sent
  ${read(bridge, `-H 'If-None-Match: ${bridge.tag}'`)}

  200  saved: the article was still as you had read it
  ${change(bridge, { title: 'Bridge shut' })}

  412  not saved: your own save has come in between
  ${change(bridge, { title: 'Bridge closed' })}

  428  not saved: it does not say from which state it was made
  ${change({ at: bridge.at }, { title: 'Bridge closed' })}

  422  not saved: an article needs a title
  ${change(trains, { title: '' })}

  409  not saved: what is in review cannot be archived; "allowed" says where it can go
  ${change(trains, { status: 'archived' })}

  409  not saved: a rule of the newsroom's own wants a teaser on what is published
  ${change(trains, { status: 'published', teaser: '' })}

  200  a dry run: says what would change, and changes nothing
  ${change({ ...trains, at: `${trains.at}/dry-run` }, { title: 'Night trains are back' })}

  200  an action, by a handler of the newsroom's own: sent for review
  curl -i -X POST ${bridge.at}/submit

  201  a new article; the Idempotency-Key is the client's own, one for each article
  ${create(url, { title: 'Ferry runs again' })}

  201  the same once more, as when the first answer was lost: the same answer, and no second article
  ${create(url, { title: 'Ferry runs again' })}

  422  not saved: the key was used for other words
  ${create(url, { title: 'Ferry sinks' })}

  200  archived
  ${change(budget, { status: 'archived' })}

  409  what is archived is frozen, whatever you have read
  ${change({ at: budget.at }, { title: 'Budget fails' })}

  201  kept: for the next seconds nobody else saves it; Lock-Token is for whoever does
  curl -i -X PUT -H 'X-Editor: Curl' ${bridge.at}/lock

  200  somebody is editing, and who
  ${read({ at: `${bridge.at}/lock` })}

  423  not saved: somebody else is editing it
  ${change({ ...bridge }, { title: 'Bridge closed' })}

  204  taken away: anybody may take over here
  curl -i -X DELETE -H 'X-Editor: Ben' ${bridge.at}/lock

  204  removed
  curl -i -X DELETE -H 'If-Match: ${trains.tag}' ${trains.at}

  410  it was there once, and is not any more
  ${read(trains)}

${closing()}
`
}

/** The same if articles are left from before: then the answers to these lines cannot be predicted. */
function openAgain(url) {
  return `
The newsroom is open again, with what was left in it.

  Open ${url} in two windows, change the same article in both, and save in both.

For lines to try from a terminal, begin anew: ${toBeginAnew}.

${closing()}
`
}

function closing() {
  return where === undefined
    ? 'Ctrl-C closes the newsroom and forgets it: better-sqlite3 is not there, so articles are kept in memory alone.'
    : `Ctrl-C closes the newsroom; its articles stay in ${where}.`
}

function read({ at }, more = '') {
  return ['curl -i', more, at].filter(Boolean).join(' ')
}

/** A merge patch (RFC 7396): only what changes. */
function change({ at, tag }, members) {
  const condition = tag === undefined ? '' : `-H 'If-Match: ${tag}' `
  const body = JSON.stringify({ ...members, editedBy: 'Curl' })
  return `curl -i -X PATCH ${condition}-H 'Content-Type: application/json' -d '${body}' ${at}`
}

function create(url, members) {
  const article = { ...members, teaser: '', body: '', author: 'Curl', status: 'draft', editedBy: 'Curl' }
  const headers = `-H 'Idempotency-Key: "8e03978e"' -H 'Content-Type: application/json'`
  return `curl -i -X POST ${headers} -d '${JSON.stringify(article)}' ${url}/articles`
}

module.exports = { openAgain, thingsToTry }
