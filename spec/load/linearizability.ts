import type { Effect, Operation } from './history'

/**
 * Is there an order of the operations, each at some moment between its start and its end, in which every one of them
 * says what a register would say? The search of Wing and Gong, with Lowe's memory of what was tried before.
 *
 * There is no checker for JavaScript to take.
 */
export function isLinearizable(operations: readonly Operation[], initial: string): boolean {
  const list = timelineOf(operations)
  const { ops, calledBeforeEndOf, events } = list
  const done = new Uint8Array(ops.length)
  const tried = new Set<string>()
  const chosen: Array<{ readonly op: number; readonly before: string }> = []
  let state = initial
  let place = observed()

  while (place !== END) {
    const { op, isStart } = events[place] as Event
    const effect = (ops[op] as Operation).effect
    if (isStart) {
      const after = isChange(effect) ? stateAfter(effect, state) : undefined
      if (after === undefined || !isNew(op, after)) {
        place = list.after(place)
        continue
      }
      choose(op, after)
      place = observed()
      continue
    }
    // Its end: whatever comes first of what is left has to be carried out before. What never ends may be left out.
    if (ops[op]?.endMs === undefined) return true
    const last = undone()
    if (last === undefined) return false
    place = list.after(last)
  }
  return true

  function choose(op: number, after: string): void {
    chosen.push({ op, before: state })
    done[op] = 1
    state = after
    list.takeOut(op)
  }

  /**
   * Takes every observation that is true now. None of them changes anything, so what works without one works with it:
   * there is nothing to try. Gives the place where the changes begin.
   */
  function observed(): number {
    let at = list.first()
    while (at !== END) {
      const { op, isStart } = events[at] as Event
      if (!isStart) break
      const { effect } = ops[op] as Operation
      if (!isChange(effect) && stateAfter(effect, state) !== undefined) {
        choose(op, state)
        at = list.first()
      } else at = list.after(at)
    }
    return list.first()
  }

  /** Takes back the last change, and what was observed after it. Gives its place. */
  function undone(): number | undefined {
    for (let last = chosen.pop(); last; last = chosen.pop()) {
      state = last.before
      done[last.op] = 0
      const start = list.putBack(last.op)
      if (isChange((ops[last.op] as Operation).effect)) return start
    }
    return undefined
  }

  /** All before the first one that is left is done, and nothing that started after its end: what is between tells. */
  function isNew(op: number, after: string): boolean {
    const { op: head } = events[list.first()] as Event
    const between = done.slice(head, calledBeforeEndOf[head])
    if (op >= head) between[op - head] = 1
    const key = `${head} ${between.join('')} ${after}`
    if (tried.has(key)) return false
    tried.add(key)
    return true
  }
}

const isChange = ({ kind }: Effect) => kind === 'write' || kind === 'swap'

function stateAfter(effect: Effect, state: string): string | undefined {
  switch (effect.kind) {
    case 'read':
      return effect.value === state ? state : undefined
    case 'write':
      return effect.value
    case 'swap':
      return effect.from === state ? effect.to : undefined
    case 'refused':
      return effect.from === state ? undefined : state
  }
}

interface Event {
  readonly atMs: number
  readonly op: number
  readonly isStart: boolean
}

const END = -1

/** Starts and ends in the order of time, as a list from which operations can be taken out and put back again. */
function timelineOf(operations: readonly Operation[]) {
  const ops = [...operations].sort((one, two) => one.startMs - two.startMs)
  const events: Event[] = ops
    .flatMap(({ startMs, endMs = Number.POSITIVE_INFINITY }, op) => [
      { atMs: startMs, op, isStart: true },
      { atMs: endMs, op, isStart: false },
    ])
    // At the same moment a start comes first: then both may be in either order.
    .sort((one, two) => (one.atMs === two.atMs ? Number(two.isStart) - Number(one.isStart) : one.atMs - two.atMs))
  const next = events.map((_, index) => (index + 1 < events.length ? index + 1 : END))
  const previous = events.map((_, index) => index - 1)
  const startOf = new Int32Array(ops.length)
  const endOf = new Int32Array(ops.length)
  const calledBeforeEndOf = new Int32Array(ops.length)
  let called = 0
  let head = events.length > 0 ? 0 : END
  for (const [place, { op, isStart }] of events.entries()) {
    if (isStart) called += 1
    if (isStart) startOf[op] = place
    else {
      endOf[op] = place
      calledBeforeEndOf[op] = called
    }
  }

  function link(before: number, after: number): void {
    if (before === END) head = after
    else next[before] = after
    if (after !== END) previous[after] = before
  }

  return {
    ops,
    events,
    calledBeforeEndOf,
    first: () => head,
    after: (place: number) => next[place] as number,
    takeOut(op: number): void {
      for (const place of [startOf[op] as number, endOf[op] as number])
        link(previous[place] as number, next[place] as number)
    },
    /** Gives the place of its start. */
    putBack(op: number): number {
      for (const place of [endOf[op] as number, startOf[op] as number]) {
        link(previous[place] as number, place)
        link(place, next[place] as number)
      }
      return startOf[op] as number
    },
  }
}
