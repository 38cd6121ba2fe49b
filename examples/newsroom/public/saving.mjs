// Saves, and answers each way in which that can be refused. Whatever happens, what was written stays in the form.

import * as api from './api.mjs'
import { askWhatToKeep } from './conflict-dialog.mjs'
import { BLANK, clear, desk, isDirty, mine, put } from './desk.mjs'
import { differences, listed, merge } from './differences.mjs'
import { ask, clearMessages, say, showFieldErrors, showMerged, showWords, written } from './editor.mjs'
import { fieldErrors } from './field-errors.mjs'
import { forgetLock, refreshLock, takeOver, whoIs } from './lock.mjs'
import { myName } from './name.mjs'
import { whenReachable } from './reachable.mjs'

export async function save() {
  const { base, etag, merged } = desk
  clearMessages()
  if (etag && !desk.sent && !isDirty()) return say('There is nothing to save.')
  say('Saving …')
  const asked = etag ? mine() : { ...mine(), author: myName() }
  // What was sent and not answered goes again as it was, and counts once. What was written since goes on top of it.
  desk.sent ??= { value: asked, key: api.newKey() }
  const { sent } = desk
  const answer = await (etag ? api.save(sent.value, etag) : api.create(sent.value, sent.key))
  if (desk.base !== base) return // Somebody went on to another article, or another click has brought this answer.
  const isOlder = differences(sent.value, sent.value, asked).length > 0
  if (answer.problem) {
    if (desk.sent !== sent) return
    if (isAnswered(answer.problem)) desk.sent = undefined
    return isOlder && !desk.sent ? save() : refused(answer.problem, save)
  }
  const since = written()
  if (!etag) history.replaceState(null, '', `#/${answer.value.id}`)
  put(answer.value, answer.etag)
  showWords({ ...answer.value, ...changedSince(sent.value, since) })
  desk.merged = isOlder ? merged : []
  if (isOlder) return save()
  sayMerged('Saved.', merged)
  void refreshLock()
}

function sayMerged(words, merged) {
  showMerged(merged)
  const others = listed([...new Set(merged.map(({ who }) => who))])
  say(others === '' ? words : `${words} What ${others} changed is in it.`)
}

/** Whether it is certain that nothing was stored. */
function isAnswered({ code }) {
  return code !== undefined && !['unreachable', 'outcome_unknown', 'idempotency_in_progress'].includes(code)
}

/** What was typed while the request was under way. */
function changedSince(sent, since) {
  return Object.fromEntries(Object.entries(since).filter(([name, value]) => value !== sent[name]))
}

/** Somebody else keeps the article for a while. */
function locked(problem, again) {
  const takeOverAndTry = async () => {
    if (await takeOver()) return again()
    return refused(problem, again)
  }
  const detail = 'Nothing is lost: what you wrote is still here. Wait, or take over.'
  ask(`${whoIs(problem)} is editing this article`, detail, [
    ['Take over and save', takeOverAndTry],
    ['Try again', again],
  ])
  void refreshLock()
}

/** `resolution` says what a client can do about a problem; `code` says which problem it is. */
function refused(problem, again) {
  if (problem.code === 'locked') return locked(problem, again)
  // The lock has ended. The article may still be as it was: the same again, without the lock.
  if (problem.field === 'If') return forgetLock().then(again)
  switch (problem.resolution) {
    case 'refetch':
      return compare(again)
    case 'wait':
      return wait(problem, again)
    case 'none':
      return lost(problem)
  }
  if (problem.code === 'frozen') return frozen()
  if (!showFieldErrors(fieldErrors(problem))) ask(problem.title, problem.detail ?? '', [])
}

/** What was sent and not answered is not sent again by itself: its author may be in the middle of a sentence. */
function wait({ code, title }, again) {
  const end = ask(title, 'Nothing is lost: what you wrote is still here.', [['Try again', again]])
  if (code === 'unreachable')
    whenReachable(() => end(`The newsroom answers again.${isDirty() ? ' Save once more.' : ''}`))
}

/** Somebody was faster. Reads what is saved now, merges it with mine, and saves that on top of it. */
async function compare(again) {
  if ((await bringTogether(again)) && isDirty()) return save()
}

/**
 * The same before anything was sent: what is merged is in the form, and is saved when its author says so. What only one
 * of the two changed needs nobody; about a field that both changed, only a person can tell.
 */
export async function bringTogether(again = bringTogether) {
  const { base, merged: before } = desk
  const saved = await api.read(base.id)
  if (desk.base !== base) return false
  if (saved.problem) {
    await refused(saved.problem, again)
    return false
  }
  const own = mine()
  const { editedBy } = saved.value
  const who = editedBy === own.editedBy ? `Somebody else called ${editedBy}` : editedBy
  const found = differences(base, saved.value, own)
  const isOpen = found.some(({ by }) => by === 'both')
  const together = isOpen ? await askWhatToKeep(found, own, who) : merge(found, own)
  if (together === undefined) {
    say('Not saved yet.')
    return false
  }
  // From here on mine is a change of what is saved now. If that changes too, the next save says so again.
  put(saved.value, saved.etag)
  showWords(together)
  const theirs = found.filter(({ by }) => by === 'them').map((field) => ({ ...field, who }))
  desk.merged = [...before, ...theirs]
  const words = found.length === 0 ? `${editedBy} has saved just that.` : 'This is what is saved.'
  sayMerged(isDirty() ? 'Not saved yet.' : words, desk.merged)
  return true
}

async function frozen() {
  const saved = await api.read(desk.base.id)
  if (saved.problem) return refused(saved.problem, frozen)
  ask(`${saved.value.editedBy} archived this article`, 'It cannot be changed any more. What you wrote is still here.', [
    ['Save mine as a new article', saveAsNew],
    ['Show what was archived', () => put(saved.value, saved.etag)],
  ])
}

function lost({ code, title }) {
  ask(code === 'gone' ? 'This article was deleted' : title, 'What you wrote is still here.', [
    ['Save mine as a new article', saveAsNew],
    ['Drop it', drop],
  ])
}

function saveAsNew() {
  const words = { ...written(), status: 'draft' }
  put(BLANK, undefined)
  showWords(words)
  return save()
}

export async function remove() {
  if (!confirm(`Delete “${desk.base.title}”?`)) return
  const { problem } = await api.remove(desk.base.id, desk.etag)
  if (problem === undefined || problem.code === 'gone') return drop()
  if (problem.resolution !== 'refetch') return refused(problem, remove)
  const saved = await api.read(desk.base.id)
  if (saved.problem) return refused(saved.problem, remove)
  ask(`${saved.value.editedBy} changed this article`, 'It was not deleted. Look at it first.', [
    ['Show what is saved', () => put(saved.value, saved.etag)],
  ])
}

function drop() {
  clear()
  location.hash = '#/'
}
