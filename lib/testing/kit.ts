import { refuseUnknown } from '../options'

/**
 * One rule of a contract as a case for any test runner: `for (const { name, run } of adapterKit(…)) test(name, run)`.
 */
export interface KitCase {
  readonly name: string
  readonly run: () => Promise<void>
}

export type Check<Trial> = (trial: Trial) => Promise<void>

/** Checks, by the rule that each one tests. */
export type Checks<Trial> = Readonly<Record<string, Check<Trial>>>

export type Made<Subject> = Promise<Subject> | Subject

/** How a case makes what it tests, and disposes of it. */
export interface Bench<Subject, Trial> {
  readonly make: () => Made<Subject>
  readonly makeSecond?: ((first: Subject) => Made<Subject>) | undefined
  readonly dispose?: ((subject: Subject) => Promise<void> | void) | undefined
  /** Lets time pass. Without it, a case waits in real time. */
  readonly advance?: ((ms: number) => Promise<void> | void) | undefined
  /** Makes the argument of a check. Without `makeSecond`, both subjects are the same. */
  readonly trialOf: (first: Subject, second: Subject, pass: (ms: number) => Promise<void>) => Trial
}

/** Turns the chosen checks into cases. Each case has subjects of its own. */
export function casesOf<Subject, Trial>(
  chosen: ReadonlyArray<Checks<Trial> | false | undefined>,
  bench: Bench<Subject, Trial>,
): KitCase[] {
  return chosen
    .flatMap((checks) => Object.entries(checks || {}))
    .map(([name, check]) => ({ name, run: () => runCheck(check, bench) }))
}

async function runCheck<Subject, Trial>(
  check: Check<Trial>,
  { make, makeSecond, dispose, advance, trialOf }: Bench<Subject, Trial>,
): Promise<void> {
  const made: Subject[] = []
  const clock = advance ? { pass: async (ms: number) => advance(ms), stop: () => {} } : realTime()
  try {
    const first = await make()
    made.push(first)
    if (makeSecond) made.push(await makeSecond(first))
    await check(trialOf(first, made[1] ?? first, clock.pass))
  } finally {
    clock.stop()
    for (const subject of made.reverse()) await dispose?.(subject)
  }
}

/** Real time, with timers that `stop` clears, so that they do not keep the test runner waiting. */
function realTime() {
  const timers = new Set<NodeJS.Timeout>()
  return {
    pass: (ms: number) => new Promise<void>((resolve) => timers.add(setTimeout(resolve, ms))),
    stop: () => timers.forEach(clearTimeout),
  }
}

/** The rules for the options of a kit. */
export interface KitRules {
  /** All options: a misspelt one would silently leave out cases. */
  readonly known: readonly string[]
  /** The option that must be a function. */
  readonly make: string
  /** All abilities. Each must be declared, because a forgotten one would silently leave out cases. */
  readonly abilities: readonly string[]
  /** Options that are positive integers. */
  readonly counts: readonly string[]
  /** The option that says how many take part in a race, at least two. */
  readonly crew: string
}

export function demandUsable(kit: string, options: object, { known, make, abilities, counts, crew }: KitRules): void {
  refuseUnknown(kit, options, known)
  const given = new Map<string, unknown>(Object.entries(options))
  if (typeof given.get(make) !== 'function') throw new TypeError(`${kit}: give ${make}, a function.`)
  const declared = given.get('abilities')
  if (typeof declared !== 'object' || declared === null) throw new TypeError(`${kit}: give abilities, an object.`)
  const said = new Map<string, unknown>(Object.entries(declared))
  for (const name of abilities) {
    if (typeof said.get(name) === 'boolean') continue
    throw new TypeError(`${kit}: abilities.${name} is ${said.get(name)}; say true or false.`)
  }
  for (const name of counts) {
    const value = given.get(name) ?? 1
    if (Number.isSafeInteger(value) && Number(value) >= 1) continue
    throw new TypeError(`${kit}: ${name} is ${value}; give a positive integer.`)
  }
  const many = given.get(crew) ?? 2
  if (Number.isSafeInteger(many) && Number(many) >= 2) return
  throw new TypeError(`${kit}: ${crew} is ${many}; a race needs two of them at least.`)
}

/** Fails a case if `holds` is false. The error says what the contract demands, and what was seen instead. */
export function demand(holds: boolean, rule: string, seen: unknown): asserts holds {
  if (!holds) throw new Error(`The contract demands: ${rule}. Seen: ${show(seen)}.`)
}

/** Calls a method that must reject, and returns the reason. A method that throws synchronously fails the case. */
export async function rejection(call: () => Promise<unknown>, rule: string): Promise<unknown> {
  const outcome = await call().then(
    (seen) => ({ rejected: false as const, seen }),
    (error: unknown) => ({ rejected: true as const, error }),
  )
  if (outcome.rejected) return outcome.error
  demand(false, rule, outcome.seen)
}

/** A short form of a value, for messages. */
export function show(value: unknown): string {
  if (value === undefined || value instanceof Error) return String(value)
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 300 ? `${text.slice(0, 300)}… (${text.length} characters)` : text
}

/**
 * Whether two JSON values are the same. The order of members does not count, because some databases sort them. 0 and -0
 * are the same number.
 *
 * Prototypes do not count either: a driver may make its objects in another realm than the test runner's.
 */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (!isComposite(a) || !isComposite(b) || Array.isArray(a) !== Array.isArray(b)) return false
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && sameJson(a[name], b[name]))
  )
}

export function copyOf<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T
}

export function isComposite(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
