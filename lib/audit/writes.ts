import { isDeepStrictEqual } from 'node:util'
import { changedValue, type Exchange, type Exchanger, parsed, undo, type Value } from './exchange'
import { type Finding, finding, type Rule } from './report'

const RULES = {
  accepted: {
    id: 'current-write',
    title: 'A write of the current version is accepted',
    clause: 'RFC 9110 §13.1.1',
    cure: 'Compare If-Match strongly with the tag that GET shows.',
    topic: 'validated',
  },
  moves: {
    id: 'tag-moves',
    title: 'The tag changes with a write',
    clause: 'RFC 9110 §8.8.1',
    cure: 'Make the tag from a version that every write changes.',
    topic: 'validated',
  },
  stale: {
    id: 'stale-write',
    title: 'A stale write is 412',
    clause: 'RFC 9110 §13.1.1',
    cure: 'Evaluate If-Match before the handler, and write only if the version is still the one that was checked.',
    topic: 'concurrent',
  },
  required: {
    id: 'condition-required',
    title: 'A write without a condition is 428',
    clause: 'RFC 6585 §3',
    cure: 'Ask for If-Match on PUT, PATCH and DELETE of what exists.',
    topic: 'concurrent',
  },
  weak: {
    id: 'weak-if-match',
    title: 'The weak form of the tag does not match If-Match',
    clause: 'RFC 9110 §13.1.1, §8.8.3.2',
    cure: 'Use the strong comparison for If-Match.',
    topic: 'validated',
  },
  malformed: {
    id: 'malformed-condition',
    title: 'A condition that cannot be read lets nothing through',
    clause: 'RFC 9110 §13.1.1',
    cure: 'Refuse a malformed If-Match with 400 or 412; never take it for absent.',
    topic: 'validated',
  },
  race: {
    id: 'race',
    title: 'Of writes that race, exactly one wins',
    clause: 'RFC 9110 §13.1.1, §9.2.2',
    cure: 'Compare and write in one step of the store: UPDATE … WHERE version = ?, or a lock around both.',
    topic: 'concurrent',
  },
  stored: {
    id: 'winner-stored',
    title: 'What the winner was told is what is stored',
    clause: 'RFC 9110 §9.3.4',
    cure: 'Answer success only after the write, and write all of it in one transaction.',
    topic: 'isolated',
  },
  currentTag: {
    id: 'current-tag-on-412',
    title: 'A 412 names the current tag',
    clause: 'RFC 9110 §13.1.1, §15.5.13 (not required)',
    cure: 'Send the ETag of the current state on the 412, so that a client can tell what it missed.',
    topic: 'told',
  },
} as const satisfies Record<string, Rule>

export interface WriteAudit {
  readonly url: string
  /** The body to write. `undefined`: the one that was read. */
  readonly body: string | undefined
}

const RACERS = 5
const ROUNDS = 3

/** Changes the named resource, and restores it in the end. */
export async function auditWrites(exchanger: Exchanger, { url, body }: WriteAudit): Promise<Finding[]> {
  const first = await exchanger.send('GET', url)
  const original = parsed(body ?? first.body)
  if (first.status !== 200 || original === undefined)
    return [finding(RULES.accepted, 'unseen', 'It has to be a JSON object that a GET shows; see --body.', first)]
  const put = (value: Value, tag: string | undefined, undoes = false): Promise<Exchange> =>
    exchanger.send('PUT', url, {
      undoes,
      headers: { 'content-type': 'application/json', ...(tag === undefined ? {} : { 'if-match': tag }) },
      body: JSON.stringify(value),
    })
  const read = () => exchanger.send('GET', url)
  const oldTag = first.headers.etag
  const changed = await put(changedValue(original, 1), oldTag)
  const isAccepted = changed.status >= 200 && changed.status < 300
  if (!isAccepted)
    return [
      finding(
        RULES.accepted,
        oldTag === undefined ? 'unseen' : 'failed',
        `It is ${changed.status}. See --body.`,
        changed,
      ),
    ]
  const second = await read()
  try {
    return [
      finding(RULES.accepted, 'passed', `It is ${changed.status}.`, changed),
      moves(oldTag, second),
      ...(await staleWrites(put, original, oldTag ?? '"stale"', second)),
      ...(await oddConditions(put, read, original)),
      ...(await races(put, read, original)),
    ]
  } finally {
    await undo(exchanger, url, async () => {
      const last = await exchanger.send('GET', url, { undoes: true })
      const before = difference(original, changedValue(original, 1))
      return put({ ...(parsed(last.body) ?? original), ...before }, last.headers.etag, true)
    })
  }
}

function moves(oldTag: string | undefined, second: Exchange): Finding {
  if (oldTag === undefined) return finding(RULES.moves, 'unseen', 'There is no tag.')
  const { etag } = second.headers
  const mark = etag !== undefined && etag !== oldTag ? 'passed' : 'failed'
  return finding(RULES.moves, mark, `${oldTag} → ${etag}`, second)
}

/**
 * The members whose values differ from those in `from`. Members that only the server sets, such as a revision that it
 * wants back, are not among them.
 */
function difference(value: Value, from: Value): Value {
  return Object.fromEntries(Object.entries(value).filter(([name, each]) => !isDeepStrictEqual(each, from[name])))
}

type Put = (value: Value, tag: string | undefined) => Promise<Exchange>
type Read = () => Promise<Exchange>

/** A write that is refused with another status loses nothing, but clients have to know this API to understand why. */
function refusalMark({ status }: Exchange, right: number): 'passed' | 'warning' | 'failed' {
  if (status === right) return 'passed'
  return status === 409 || status === 412 ? 'warning' : 'failed'
}

async function staleWrites(put: Put, original: Value, oldTag: string, current: Exchange): Promise<Finding[]> {
  const stale = await put(changedValue(original, 2), oldTag)
  const found = [finding(RULES.stale, refusalMark(stale, 412), `A PUT with the tag before is ${stale.status}.`, stale)]
  if (stale.status === 412) {
    const isNamed = stale.headers.etag === current.headers.etag && stale.headers.etag !== undefined
    const detail = isNamed ? 'It does.' : 'It does not.'
    found.push(finding(RULES.currentTag, isNamed ? 'passed' : 'warning', detail, stale))
  }
  const bare = await put(changedValue(original, 2), undefined)
  const detail = `A PUT without a condition is ${bare.status}.`
  return [...found, finding(RULES.required, refusalMark(bare, 428), detail, bare)]
}

/** Each write has a new value, because a repetition of the stored value may succeed (RFC 9110 §13.1.1). */
async function oddConditions(put: Put, read: Read, original: Value): Promise<Finding[]> {
  const tag = (await read()).headers.etag
  if (tag === undefined) return []
  const found: Finding[] = []
  if (!tag.startsWith('W/')) {
    const weak = await put(changedValue(original, 3), `W/${tag}`)
    found.push(finding(RULES.weak, weak.status >= 400 ? 'passed' : 'failed', `It is ${weak.status}.`, weak))
  }
  const malformed = await put(changedValue(original, 4), 'no-quotes"')
  const mark = malformed.status >= 400 ? 'passed' : 'failed'
  return [...found, finding(RULES.malformed, mark, `It is ${malformed.status}.`, malformed)]
}

async function races(put: Put, read: Read, original: Value): Promise<Finding[]> {
  let lost: Exchange | undefined
  let mismatch: Exchange | undefined
  const won: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const before = await read()
    const tag = before.headers.etag ?? '"none"'
    const base = parsed(before.body) ?? original
    const values = Array.from({ length: RACERS }, (_, racer) => ({
      ...base,
      ...difference(changedValue(original, 10 + round * RACERS + racer), original),
    }))
    const answers = await Promise.all(values.map((value) => put(value, tag)))
    const winners = answers.flatMap(({ status }, racer) => (status >= 200 && status < 300 ? [racer] : []))
    won.push(winners.length)
    const after = await read()
    if (winners.length !== 1) lost ??= answers[winners[1] ?? 0]
    const [winner = 0] = winners
    const stored = parsed(after.body)
    const isStored = stored && winners.length === 1 && contains(stored, values[winner] ?? {}, base)
    if (winners.length === 1 && !isStored) mismatch ??= after
  }
  const detail = `${RACERS} at once, ${ROUNDS} times: ${won.join(', ')} succeeded.`
  const isRight = won.every((count) => count === 1)
  const stored = !won.some((count) => count > 0)
    ? finding(RULES.stored, 'unseen', 'None of them succeeded.', lost)
    : !isRight
      ? finding(RULES.stored, 'failed', 'Several were told that they had won, and one of their values is stored.', lost)
      : finding(RULES.stored, mismatch ? 'failed' : 'passed', 'The value after each race was looked at.', mismatch)
  return [finding(RULES.race, isRight ? 'passed' : 'failed', detail, lost), stored]
}

/** Whether the members that the racer changed are stored. The server may set others. */
function contains(stored: Value, written: Value, original: Value): boolean {
  const changed = Object.keys(written).filter((name) => !isDeepStrictEqual(written[name], original[name]))
  return changed.every((name) => isDeepStrictEqual(stored[name], written[name]))
}
