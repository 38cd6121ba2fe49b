// What is on the desk: the article as I read it, and the ETag that names that state.

import { differences } from './differences.mjs'
import { showArticle, written } from './editor.mjs'
import { showList } from './list.mjs'
import { myName } from './name.mjs'

export const BLANK = { title: '', teaser: '', body: '', status: 'draft' }

/**
 * `etag` is undefined for an article that is new, `base` when the desk is empty. `sent` is a save whose outcome is not
 * known yet: `{ value, key }`. `merged` are the differences that others made, and that are in mine.
 */
export const desk = { base: undefined, etag: undefined, sent: undefined, merged: [] }

export const mine = () => ({ ...desk.base, ...written(), editedBy: myName() })

export const isDirty = () => desk.base !== undefined && differences(desk.base, desk.base, mine()).length > 0

export function put(base, etag) {
  Object.assign(desk, { base, etag, sent: undefined, merged: [] })
  showArticle(base, { isNew: etag === undefined, isFrozen: base.status === 'archived' })
  void showList(base.id)
  document.dispatchEvent(new Event('desk'))
}

export function clear() {
  Object.assign(desk, { base: undefined, etag: undefined, sent: undefined, merged: [] })
  document.dispatchEvent(new Event('desk'))
}
