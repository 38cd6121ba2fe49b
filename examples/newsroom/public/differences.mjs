// Who changed what: plain functions over three values of an article. Base is what I started from.

import { combine } from './combine.mjs'

export const FIELDS = [
  { name: 'title', label: 'Title' },
  { name: 'teaser', label: 'Teaser' },
  { name: 'body', label: 'Text' },
  { name: 'status', label: 'Status' },
]

/** The fields in which mine is not what is saved, each with who changed it: `them`, `me` or `both`. */
export function differences(base, theirs, mine) {
  return FIELDS.map(({ name, label }) => {
    const field = { name, label, base: base[name], theirs: theirs[name], mine: mine[name] }
    const by = field.theirs === field.base ? 'me' : field.mine === field.base ? 'them' : 'both'
    const canCombine = by === 'both' && name === 'body'
    return { ...field, by, combined: canCombine ? combine(field.base, field.theirs, field.mine) : undefined }
  }).filter(({ theirs, mine }) => theirs !== mine)
}

/** Mine, with what only they changed. What both changed is still mine. */
export function merge(found, mine) {
  const others = found.filter(({ by }) => by === 'them')
  return { ...mine, ...Object.fromEntries(others.map(({ name, theirs }) => [name, theirs])) }
}

/** "Anna changed the title and the text. You changed the text." */
export function summary(found, them) {
  const changedBy = (who, ...by) => {
    const labels = found.filter((field) => by.includes(field.by)).map(({ label }) => `the ${label.toLowerCase()}`)
    return labels.length > 0 ? [`${who} changed ${listed(labels)}.`] : []
  }
  return [...changedBy(them, 'them', 'both'), ...changedBy('You', 'me', 'both')].join(' ')
}

/** "draft or published", "the title, the teaser and the text" */
export function listed(words, and = 'and') {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} ${and} ${words.at(-1)}`
}
