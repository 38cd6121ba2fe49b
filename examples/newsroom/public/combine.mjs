// Texts, compared piece by piece: lines to combine two changes of one text, words to show what is new.

/** Both changes to one text together, or `undefined` where they touch the same lines. */
export function combine(base, theirs, mine) {
  const lines = base.split('\n')
  const ours = edits(lines, mine.split('\n'))
  const others = edits(lines, theirs.split('\n')).filter((edit) => !ours.some((own) => isSame(own, edit)))
  if (ours.some((own) => others.some((other) => own.from <= other.to && other.from <= own.to))) return undefined
  for (const { from, to, added } of [...ours, ...others].sort((a, b) => b.from - a.from))
    lines.splice(from, to - from, ...added)
  return lines.join('\n')
}

/** The way from `before` to `after` in pieces: `kept`, `removed` or `added`. */
export function changedWords(before, after) {
  const [old, words] = [before, after].map((text) => text.split(/(?<=\s)/))
  // The last word of a text has no space behind it, and is the same word.
  const compared = [old, words].map((each) => each.map((word) => word.replace(/ +$/, '')))
  const pieces = []
  let done = 0
  for (const { from, to, at, added } of edits(...compared)) {
    pieces.push(['kept', words.slice(done, at)], ['removed', old.slice(from, to)])
    done = at + added.length
    pieces.push(['added', words.slice(at, done)])
  }
  pieces.push(['kept', words.slice(done)])
  return pieces.map(([kind, all]) => ({ kind, text: all.join('') })).filter(({ text }) => text !== '')
}

/** `added` stands at `at` in `after`, in place of `before` from `from` up to `to`. */
function edits(before, after) {
  const kept = longestKept(before, after)
  const found = []
  let [b, a] = [0, 0]
  for (const [nextB, nextA] of [...kept, [before.length, after.length]]) {
    if (nextB > b || nextA > a) found.push({ from: b, to: nextB, at: a, added: after.slice(a, nextA) })
    ;[b, a] = [nextB + 1, nextA + 1]
  }
  return found
}

const MOST_CELLS = 4_000_000

/** Pairs of positions of the longest common subsequence. */
function longestKept(before, after) {
  let start = 0
  while (start < Math.min(before.length, after.length) && before[start] === after[start]) start++
  let end = 0
  const shorter = Math.min(before.length, after.length) - start
  while (end < shorter && before.at(-1 - end) === after.at(-1 - end)) end++
  const head = Array.from({ length: start }, (_, index) => [index, index])
  const tail = Array.from({ length: end }, (_, index) => [before.length - end + index, after.length - end + index])
  const middle = commonIn(before.slice(start, before.length - end), after.slice(start, after.length - end))
  return [...head, ...middle.map(([b, a]) => [b + start, a + start]), ...tail]
}

function commonIn(before, after) {
  // Of two very long texts that differ everywhere it is enough to know that they do.
  if (before.length * after.length > MOST_CELLS) return []
  const rows = Array.from({ length: before.length + 1 }, () => new Uint16Array(after.length + 1))
  for (let b = before.length - 1; b >= 0; b--)
    for (let a = after.length - 1; a >= 0; a--)
      rows[b][a] = before[b] === after[a] ? rows[b + 1][a + 1] + 1 : Math.max(rows[b + 1][a], rows[b][a + 1])
  const pairs = []
  let [b, a] = [0, 0]
  while (b < before.length && a < after.length) {
    if (before[b] === after[a]) pairs.push([b++, a++])
    else if (rows[b + 1][a] >= rows[b][a + 1]) b++
    else a++
  }
  return pairs
}

function isSame(one, other) {
  return one.from === other.from && one.to === other.to && one.added.join('\n') === other.added.join('\n')
}
