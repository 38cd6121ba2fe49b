// Somebody else saves while this article is open: a reader gets the latest version, and a writer is told what changed.

import { watch } from './api.mjs'
import { desk, isDirty, put } from './desk.mjs'
import { differences, listed } from './differences.mjs'
import { say } from './editor.mjs'
import { refreshLock } from './lock.mjs'
import { held } from './lock-api.mjs'
import { bringTogether } from './saving.mjs'

const bar = document.getElementById('news')
const text = document.getElementById('news-text')
const button = document.getElementById('news-button')

/** The article that is watched, what ends that, and the last change of it that was told. */
let watched
let stop
let latest

/** Watches what is on the desk. A browser opens few connections to one server, so hidden windows watch nothing. */
function follow() {
  const id = desk.etag && document.visibilityState === 'visible' ? desk.base.id : undefined
  if (id === watched) return latest && show(latest)
  stop?.()
  watched = id
  latest = undefined
  bar.hidden = true
  stop = id === undefined ? undefined : watch(id, hear, desk.etag)
}

function hear(change) {
  // Who ended the lock of this window is about to take it. To renew it now would be to take it back before they do.
  if (change.event === 'released' && held.token) return
  if (change.event === 'locked' || change.event === 'released') return refreshLock()
  if (change.event === 'removed') return tell('Somebody has deleted this article. What you wrote is still here.')
  latest = change
  return show(change)
}

async function show(change) {
  if (change.etag === desk.etag) bar.hidden = true
  // While a save is under way it may be its own; when it is answered, this is asked again.
  if (change.etag === desk.etag || desk.sent) return
  // It cannot be read when the watch has ended; when nobody answers, the stream tells it again.
  const read = await change.read().catch(() => undefined)
  if (!read || latest !== change || desk.sent || read.etag === desk.etag) return
  const { value, etag } = read
  if (!isDirty()) {
    put(value, etag)
    return say(`${value.editedBy} has just saved. This is the newest.`)
  }
  const changed = differences(desk.base, value, desk.base).map(({ label }) => `the ${label.toLowerCase()}`)
  const what = changed.length > 0 ? ` and changed ${listed(changed)}` : ''
  tell(`${value.editedBy} has just saved this article${what}.`, etag)
}

/** The focus stays where it is: somebody is typing. */
function tell(words, etag) {
  text.textContent = words
  button.hidden = etag === undefined
  bar.hidden = false
}

button.addEventListener('click', () => bringTogether())
document.addEventListener('desk', follow)
document.addEventListener('visibilitychange', follow)
