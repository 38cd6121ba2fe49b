import type { BusListener, MessageBus } from '../../lib/contracts/bus'
import { type BusKitOptions, busKit } from '../../lib/testing'

/** Two buses of one service, and what can be wrong with it. */
function toy(
  flaws: {
    dropsEvery?: number
    cutsTo?: number
    startsLate?: boolean
    staysOn?: boolean
    alone?: boolean
    hidesGap?: boolean
  } = {},
) {
  const services = new WeakMap<MessageBus, Set<BusListener>>()
  const { dropsEvery = 0, cutsTo = 4000, startsLate, staysOn, alone, hidesGap } = flaws
  let count = 0
  const make = (listeners = new Set<BusListener>()): MessageBus => {
    const bus: MessageBus = {
      async publish(text) {
        count += 1
        if (dropsEvery > 0 && count % dropsEvery === 0) return
        for (const { onMessage } of listeners) onMessage(text.slice(0, cutsTo))
      },
      async subscribe(listener) {
        // A copy: the same listener may listen twice.
        const own = { ...listener }
        if (startsLate) setImmediate(() => listeners.add(own))
        else listeners.add(own)
        return async () => void (staysOn || listeners.delete(own))
      },
    }
    services.set(bus, listeners)
    return bus
  }
  const down: MessageBus = {
    publish: async () => Promise.reject(new Error('down')),
    subscribe: async () => Promise.reject(new Error('down')),
  }
  const options: BusKitOptions = {
    makeBus: () => make(),
    makeSecond: (bus) => make(alone ? undefined : services.get(bus)),
    makeFailing: () => down,
    cut(bus) {
      if (!hidesGap) for (const { onGap } of services.get(bus) ?? []) onGap()
    },
    abilities: { acrossProcesses: true },
  }
  return options
}

for (const { name, run } of busKit(toy())) test(`a bus that is right passes: ${name}`, run)

test.each<[string, Parameters<typeof toy>[0], string]>([
  ['loses one of fifty', { dropsEvery: 50 }, 'each text is heard'],
  ['cuts long texts', { cutsTo: 100 }, 'a text is heard as it was published'],
  ['says too early that it listens', { startsLate: true }, 'is heard'],
  ['goes on after its end', { staysOn: true }, 'a listener that has ended hears nothing more'],
  ['keeps to its process', { alone: true }, 'a text is heard as it was published'],
  ['keeps quiet about a gap', { hidesGap: true }, 'onGap is called'],
])('one that %s is found out', async (_, flaws, rule) => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance', 'Date'] })
  const failed: string[] = []
  for (const { run } of busKit(toy(flaws))) {
    let isDone = false
    const running = run()
      .catch((error: Error) => failed.push(error.message))
      .finally(() => {
        isDone = true
      })
    while (!isDone) {
      await new Promise(setImmediate)
      await jest.advanceTimersByTimeAsync(15_000)
    }
    await running
  }
  jest.useRealTimers()
  expect(failed.join('\n')).toContain(rule)
})

test('one that does not fail when its back end is down is found out', async () => {
  const { makeFailing: _, ...options } = toy()
  const cases = busKit({ ...options, makeFailing: options.makeBus })
  const runs = await Promise.allSettled(cases.filter(({ name }) => name.includes('is down')).map(({ run }) => run()))
  expect(runs.map(({ status }) => status)).toEqual(['rejected'])
})

test('what is declared has to be there', () => {
  const { makeSecond: _, ...options } = toy()
  expect(() => busKit(options)).toThrow('busKit(): abilities.acrossProcesses is true; give makeSecond.')
})
