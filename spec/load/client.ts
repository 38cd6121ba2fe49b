import { Agent } from 'node:http'
import { type Answer, exchange } from './exchange'
import { type Ledger, NOTHING, type Told } from './ledger'
import type { Counter } from './stores'

export interface ClientOptions {
  readonly name: string
  readonly keys: readonly string[]
  /** The ports of the app, which may change. */
  readonly ports: () => readonly number[]
  readonly ledger: Ledger
  readonly isOver: () => boolean
  /** Whether resources come and go, too. */
  readonly hasLives: boolean
  /** Whether an answer may be missing, or be 503. */
  readonly isFaulty: boolean
}

const PROBE_EVERY = 16
const LIFE_EVERY = 4
const LIVES = 2

/** The same change in three ways: the whole value, a merge patch, and an action that adds one by itself. */
const METHODS = ['PUT', 'PATCH', 'POST'] as const

/**
 * Reads, adds one, and writes under If-Match, again and again, now and then with a condition that must not hold. In quiet
 * times it also creates and removes.
 */
export async function runClient(options: ClientOptions): Promise<void> {
  const { name, keys, ports, ledger, isOver, isFaulty, hasLives } = options
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  let turn = Number(/\d+/.exec(name))

  function send(method: string, key: string, headers?: Record<string, string>, value?: Counter) {
    const all = ports()
    const port = all[turn % all.length] ?? 0
    return ledger.timed(exchange(agent, port, method, `/counters/${key}`, headers, value && JSON.stringify(value)))
  }

  async function read(key: string): Promise<{ readonly value: Counter; readonly etag: string } | undefined> {
    const startMs = performance.now()
    const answer = await send('GET', key)
    const endMs = performance.now()
    if (answer?.status !== 200) return void mayFail('GET', answer)
    const value = JSON.parse(answer.text) as Counter
    ledger.read(key, startMs, endMs, value)
    return { value, etag: answer.etag }
  }

  async function change(key: string, etag: string, from: Counter): Promise<void> {
    const to = { count: from.count + 1, last: `${name}.${turn}` }
    const startMs = performance.now()
    const method = METHODS[turn % METHODS.length] as (typeof METHODS)[number]
    const answer = await send(method, key, { 'If-Match': etag }, to)
    ledger.write({ key, startMs, endMs: performance.now(), from, to, outcome: outcomeOf(method, answer) })
  }

  function outcomeOf(method: string, answer: Answer | undefined): Told['outcome'] {
    const { status = 0 } = answer ?? {}
    if (status >= 200 && status < 300) return 'accepted'
    if (status === 412) return 'refused'
    mayFail(method, answer)
    if (status === 409 || (status === 503 && codeOf(answer) === 'backend_unavailable')) return 'not done'
    return 'unknown'
  }

  /** What nobody may see: a plain error, and in quiet times any at all. */
  function mayFail(method: string, answer: Answer | undefined): void {
    if (answer === undefined) {
      if (!isFaulty) ledger.blame(`${method}: no answer`)
      return
    }
    const code = codeOf(answer)
    const isTold = answer.status === 503 && (code === 'backend_unavailable' || code === 'outcome_unknown')
    if (isFaulty ? !isTold : true) ledger.blame(`${method}: ${answer.status} ${code}`)
  }

  /** Each of these is refused whatever is stored. */
  async function probe(key: string, etag: string): Promise<void> {
    const value = { count: -1, last: `${name}.${turn}.probe` }
    const probes: Array<readonly [key: string, headers: Record<string, string>, status: number]> = [
      [key, { 'If-Match': `W/${etag}` }, 412],
      [`missing-${name}`, { 'If-Match': '*' }, 412],
      [key, {}, 428],
    ]
    const [target, headers, status] = probes[Math.floor(turn / PROBE_EVERY) % probes.length] as (typeof probes)[number]
    const answer = await send('PUT', target, headers, value)
    if (answer?.status !== status && !(isFaulty && (answer === undefined || answer.status === 503)))
      ledger.blame(`PUT with ${JSON.stringify(headers)}: ${answer?.status ?? 'no answer'}, and not ${status}`)
  }

  /** Creates what is not there, and removes what is. */
  async function live(): Promise<void> {
    const key = `life-${Math.floor(turn / LIFE_EVERY) % LIVES}`
    const startMs = performance.now()
    const seen = await send('GET', key)
    const from = seen?.status === 200 ? (JSON.parse(seen.text) as Counter).last : NOTHING
    if (seen?.status !== 200 && seen?.status !== 404) return mayFail('GET', seen)
    ledger.live(key, { startMs, endMs: performance.now(), effect: { kind: 'read', value: from } })
    const last = `${name}.${turn}`
    const [changedMs, isNew] = [performance.now(), from === NOTHING]
    const answer = isNew
      ? await send('PUT', key, { 'If-None-Match': '*' }, { count: 0, last })
      : await send('DELETE', key, { 'If-Match': seen.etag })
    const times = { startMs: changedMs, endMs: performance.now() }
    const { status = 0 } = answer ?? {}
    if (status === (isNew ? 201 : 204))
      ledger.live(key, { ...times, effect: { kind: 'swap', from, to: isNew ? last : NOTHING } })
    // What was to be removed may be another one by now, or not there.
    else if (status === 412 || (!isNew && status === 404))
      ledger.live(key, { ...times, effect: { kind: 'refused', from } })
    else mayFail(isNew ? 'PUT' : 'DELETE', answer)
  }

  while (!isOver()) {
    turn += 1
    const key = keys[turn % keys.length] as string
    const state = await read(key)
    if (hasLives && turn % LIFE_EVERY === 0) await live()
    if (state && turn % PROBE_EVERY === 0) await probe(key, state.etag)
    else if (state) await change(key, state.etag, state.value)
    // Who is not served does not press on: that would only measure how fast errors are made.
    else await new Promise((resolve) => setTimeout(resolve, 20))
  }
  agent.destroy()
}

function codeOf(answer: Answer | undefined): string {
  if (!answer?.type.startsWith('application/problem+json')) return `no problem but ${answer?.type}`
  return (JSON.parse(answer.text) as { code: string }).code
}
