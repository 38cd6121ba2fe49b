import fc from 'fast-check'
import { FLAWS } from './flaws'
import { brokenLaws } from './laws'
import { type Flaw, type Scene, simulate } from './world'

const SEEDS = Number(process.env.SIMULATION_SEEDS ?? 1000)
const SEED = Number(process.env.SIMULATION_SEED ?? Date.now() % 2 ** 31)

const plan = fc.record({
  key: fc.constantFrom('none' as const, 'a' as const, 'a' as const, 'b' as const),
  condition: fc.constantFrom('none' as const, 'first version' as const),
  crashAt: fc.option(fc.integer({ min: 1, max: 14 }), { nil: undefined, freq: 3 }),
  lostAt: fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined, freq: 3 }),
})

const scene: fc.Arbitrary<Scene> = fc.record({
  plans: fc.array(plan, { minLength: 2, maxLength: 3 }),
  isolation: fc.constantFrom('compare-and-swap' as const, 'lock' as const),
  clockSteps: fc.integer({ min: 0, max: 2 }),
})

function run(numRuns: number, seed: number, flaw?: Flaw) {
  return fc.check(
    fc.asyncProperty(fc.scheduler(), scene, async (scheduler, given) => {
      const broken = brokenLaws(given, await simulate(scheduler, given, flaw))
      if (broken.length > 0) throw new Error(broken.join('\n'))
    }),
    { numRuns, seed, endOnFailure: flaw !== undefined },
  )
}

beforeAll(() => {
  // Deadlines of requests that have crashed would keep the process alive.
  jest.useFakeTimers({
    doNotFake: ['Date', 'hrtime', 'nextTick', 'performance', 'queueMicrotask', 'setImmediate', 'clearImmediate'],
  })
  jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  // The pauses of the code under test are real time.
  jest.spyOn(Math, 'random').mockReturnValue(0)
})
afterAll(() => {
  jest.useRealTimers()
  jest.restoreAllMocks()
})

test(`in ${SEEDS} orders of the steps of two and three requests no law is broken (seed ${SEED})`, async () => {
  const details = await run(SEEDS, SEED)
  if (details.failed) throw new Error(fc.defaultReportMessage(details) ?? 'failed')
})

test.each(Object.entries(FLAWS))('%s is found', async (_, flaw) => {
  const details = await run(1000, 20_261_127, flaw)
  expect(details.failed).toBe(true)
})
