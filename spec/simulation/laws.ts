import type { Ledger, Outcome, Scene } from './world'

interface Ended {
  readonly outcomes: readonly (Outcome | undefined)[]
  readonly stored: Ledger
  readonly mostInside: number
}

/** What must be true however the steps of the requests fell: each line that it gives is a law that was broken. */
export function brokenLaws({ plans, isolation }: Scene, { outcomes, stored, mostInside }: Ended): string[] {
  const { log, count } = stored
  const broken: string[] = []
  const law = (holds: boolean, text: string) => void (holds || broken.push(text))
  const times = (id: number) => log.filter((each) => each === id).length

  law(count === log.length, `an update was lost: ${count} counted of ${log.length}`)
  plans.forEach((plan, id) => {
    const outcome = outcomes[id]
    law(times(id) <= 1, `request ${id} was carried out ${times(id)} times`)
    if (outcome === undefined) {
      law(plan.crashAt !== undefined || isBehindCrash(plans, isolation), `request ${id} was never answered`)
      return
    }
    const { status = 0, code, isReplay, text } = outcome
    const isSuccess = status >= 200 && status < 300
    if (isSuccess && !isReplay) law(times(id) === 1, `request ${id} was told ${status}, and was not carried out`)
    if (isReplay) {
      const firsts = plans.flatMap(({ key }, first) => (key === plan.key && times(first) === 1 ? [first] : []))
      law(firsts.length > 0, `request ${id} got an answer again of what was never carried out`)
      const by = text === '' ? undefined : (JSON.parse(text) as { by: number }).by
      law(by === undefined || firsts.includes(by), `request ${id} got the answer of another key: ${text}`)
      law(times(id) === 0, `request ${id} was carried out, and answered as a repetition`)
    }
    if (!isSuccess && code !== 'outcome_unknown')
      law(times(id) === 0, `request ${id} was refused with ${status} ${code}, and was carried out`)
    law(status !== 500, `request ${id} failed: ${text}`)
  })
  for (const key of ['a', 'b'] as const) {
    const done = plans.flatMap((plan, id) => (plan.key === key ? Array<number>(times(id)).fill(id) : []))
    law(done.length <= 1, `the key ${key} was carried out ${done.length} times: by ${done}`)
  }
  const named = log.filter((id) => plans[id]?.condition === 'first version')
  law(named.length <= 1 && (named.length === 0 || log[0] === named[0]), `a stale condition held: ${log}`)
  if (isolation === 'lock') law(mostInside <= 1, `${mostInside} held one lock`)
  return broken
}

/** A lock of a process that has stopped is given back when its lease ends, which is not simulated. */
function isBehindCrash(plans: Scene['plans'], isolation: Scene['isolation']): boolean {
  return isolation === 'lock' && plans.some(({ crashAt }) => crashAt !== undefined)
}
