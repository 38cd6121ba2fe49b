// Somebody is editing this: who, and how to take over.

import { read } from './api.mjs'
import { desk, isDirty, put } from './desk.mjs'
import { say } from './editor.mjs'
import * as api from './lock-api.mjs'
import { myName } from './name.mjs'

const bar = document.getElementById('lock')
const text = document.getElementById('lock-text')
const button = document.getElementById('lock-button')

/** More often than the lock would end. */
const LOOK_EVERY_MS = 5000

/** The article that the bar is about. */
let watched

/** Looks who is editing what is on the desk, and renews the lock that this window has on it. */
export async function refreshLock() {
  const id = desk.etag && desk.base.status !== 'archived' ? desk.base.id : undefined
  if (id !== watched) leave(id)
  if (id === undefined) return
  const hadIt = api.held.token !== undefined
  const { value, problem } = await (hadIt ? api.take(id) : api.look(id))
  if (id !== watched) return
  if (hadIt && problem?.code === 'locked') {
    say(`${whoIs(problem)} took over. What you wrote is still here.`)
    return show({ locked: true, ...problem })
  }
  if (value) show(value)
}

/** Ends whatever lock there is, and takes it. Says whether this window has it now. */
export async function takeOver() {
  const id = watched
  await api.breakLock(id)
  return hold(id)
}

/** The lock has ended, or somebody took over: what this window sends goes without it. */
export function forgetLock() {
  api.held.token = undefined
  return refreshLock()
}

/** "Ben", or who it is when both have one name. */
export function whoIs({ holder }) {
  return holder.name === myName() ? `${holder.name} (you, in another window)` : holder.name
}

async function hold(id) {
  const { value, problem, etag } = await api.take(id)
  if (problem) {
    await refreshLock()
    return false
  }
  show(value)
  if (etag !== desk.etag) await showWhatSlippedIn(id)
  return true
}

/** Somebody saved after this window read, and before it held the lock. */
async function showWhatSlippedIn(id) {
  if (isDirty()) return say('Somebody saved before you. You will see what, when you save.')
  const { value, etag } = await read(id)
  if (!value || id !== watched) return
  put(value, etag)
  say(`${value.editedBy} saved before you. This is the newest.`)
}

function leave(id) {
  if (watched !== undefined) void api.release(watched)
  watched = id
  bar.hidden = true
}

function show(lock) {
  const isMine = api.held.token !== undefined
  const [words, action, act] = isMine
    ? ['You are editing. Only you can save.', 'Unlock', letGo]
    : lock.locked
      ? [`${whoIs(lock)} is editing. Only ${lock.holder.name} can save.`, 'Take over', takeOver]
      : ['Nobody is editing.', 'Lock', () => hold(watched)]
  // A screen reader reads what changes, and nothing twice.
  if (text.textContent !== words) text.textContent = words
  button.textContent = action
  button.onclick = act
  bar.classList.toggle('taken', lock.locked && !isMine)
  bar.hidden = false
}

async function letGo() {
  await api.release(watched)
  await refreshLock()
}

setInterval(refreshLock, LOOK_EVERY_MS)
window.addEventListener('pagehide', () => leave(undefined))
