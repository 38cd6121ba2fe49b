import type { Marks } from '../json/marks'

/** The result of a subschema that holds for one value. */
export interface Outcome {
  note: Note | undefined
  /** The note is not shared with another outcome, so children may be added to it. */
  isOwn: boolean
  /** Evaluated names and indexes, for `unevaluatedProperties` and `unevaluatedItems`. */
  evaluated: Set<string> | undefined
}

/** What annotations say about one value, and about the members or items below it. */
export interface Note {
  readonly marked: boolean
  readonly isArray: boolean
  readonly children: Map<string, Note> | undefined
  /** Made when it is first asked for. */
  marks?: Marks
}

export const MARKED: Note = { marked: true, isArray: false, children: undefined }

/** Shared by all values without annotations, or with that of the whole value only. */
export const NOTHING: Outcome = Object.freeze({ note: undefined, isOwn: false, evaluated: undefined })
export const ONLY_MARKED: Outcome = Object.freeze({ note: MARKED, isOwn: false, evaluated: undefined })

export function evaluatedIn(outcome: Outcome): Set<string> {
  outcome.evaluated ??= new Set()
  return outcome.evaluated
}

/** Adds the notes of another subschema that holds for the same value. */
export function merge(into: Outcome, from: Outcome): void {
  if (from.note) {
    into.note = into.note ? together(into.note, from.note) : from.note
    into.isOwn = false
  }
  if (from.evaluated) for (const each of from.evaluated) evaluatedIn(into).add(each)
}

/** Changes neither of the two, because one may be remembered for another branch. */
function together(one: Note, two: Note): Note {
  if (one.marked || two.marked) return MARKED
  const children = new Map(one.children)
  for (const [name, child] of two.children ?? []) {
    const known = children.get(name)
    children.set(name, known ? together(known, child) : child)
  }
  return { marked: false, isArray: one.isArray, children }
}

/** Adds the note about a member or item. */
export function addChild(into: Outcome, name: string, child: Note, isArray: boolean): void {
  if (into.note?.marked) return
  if (into.note === undefined || !into.isOwn) {
    into.note = { marked: false, isArray, children: new Map(into.note?.children) }
    into.isOwn = true
  }
  const known = into.note.children?.get(name)
  into.note.children?.set(name, known ? together(known, child) : child)
}

const NO_MARKS: Marks = { marked: false, names: [], isNamed: () => false, below: () => undefined }
const ALL_MARKED: Marks = { ...NO_MARKS, marked: true }

/** The marks of a value, from the notes that were taken about it. */
export function marksIn(note: Note): Marks {
  note.marks ??= newMarks(note)
  return note.marks
}

/** Items are entities of their own, members are not. */
function newMarks({ marked, isArray, children }: Note): Marks {
  if (marked) return ALL_MARKED
  if (children === undefined) return NO_MARKS
  return {
    marked,
    names: isArray ? [] : [...children.keys()],
    isNamed: (name) => !isArray && children.has(name),
    every: isArray ? NO_MARKS : undefined,
    below(name) {
      const note = children.get(name)
      return note && marksIn(note)
    },
  }
}
