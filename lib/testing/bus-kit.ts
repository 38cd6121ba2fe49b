import type { MessageBus } from '../contracts/bus'
import { type Checks, casesOf, demand, demandUsable, type KitCase, type KitRules, type Made, rejection } from './kit'

/** What a bus can do, declared by its author. */
export interface BusAbilities {
  /** It carries messages between processes. `makeSecond` makes the bus of another process. */
  readonly acrossProcesses: boolean
}

/** The bus to test, and what it can do. Each optional member adds checks. */
export interface BusKitOptions<B extends MessageBus = MessageBus> {
  /** Makes a bus on which nobody else publishes. Called once for each case. */
  readonly makeBus: () => Made<B>
  readonly abilities: BusAbilities
  /** Another bus that carries the same messages, like one in another process. */
  readonly makeSecond?: (bus: B) => Made<B>
  /** A bus whose back end is down. */
  readonly makeFailing?: () => Made<B>
  /** Cuts the connections on which this bus listens, and resolves when they are lost. */
  readonly cut?: (bus: B) => Promise<void> | void
  /** Called for every bus that a case has made, whether the case passed or failed. */
  readonly disposeBus?: (bus: B) => Promise<void> | void
  /** How many texts are published at once. Default: 100. */
  readonly texts?: number
}

interface Trial<B> {
  readonly bus: B
  readonly second: B
  readonly texts: number
}

/** The rules of `MessageBus` as cases. A case fails with an error that says what the contract demands. */
export function busKit<B extends MessageBus = MessageBus>(options: BusKitOptions<B>): KitCase[] {
  demandUsable('busKit()', options, RULES)
  const { abilities, makeBus, makeSecond, makeFailing, cut, disposeBus, texts = 100 } = options
  if (abilities.acrossProcesses !== (makeSecond !== undefined))
    throw new TypeError(
      `busKit(): abilities.acrossProcesses is ${abilities.acrossProcesses}; ${makeSecond ? 'leave makeSecond out' : 'give makeSecond'}.`,
    )
  return casesOf<B, Trial<B>>(
    [messageChecks<B>(), cut && gapChecks<B>(cut), makeFailing && faultChecks<B>(makeFailing)],
    { make: makeBus, makeSecond, dispose: disposeBus, trialOf: (bus, second) => ({ bus, second, texts }) },
  )
}

function messageChecks<B extends MessageBus>(): Checks<Trial<B>> {
  return {
    'published texts arrive unchanged, at the bus itself and at others': async ({ bus, second }) => {
      const [own, other] = [await ear(bus), await ear(second)]
      // All characters that are allowed, and as many as are allowed.
      const text = Array.from({ length: 4000 }, (_, index) => String.fromCharCode(33 + (index % 94))).join('')
      for (const each of ['*', text, `'"\\%`]) {
        await bus.publish(each)
        for (const { heard } of [own, other]) await heard(each, 'a text is heard as it was published')
      }
      await own.end()
      await other.end()
    },

    'once subscribe has resolved, nothing that is published is missed': async ({ bus, second, texts }) => {
      for (let round = 0; round < 5; round++) {
        const listening = await ear(second)
        const names = Array.from({ length: texts }, (_, index) => `${round}:${index}`)
        await Promise.all(names.map((name) => bus.publish(name)))
        for (const name of names) await listening.heard(name, 'each text is heard')
        await listening.end()
      }
    },

    'a listener that has unsubscribed gets nothing more, and the others go on': async ({ bus, second }) => {
      const [ended, other] = [await ear(second), await ear(second)]
      await bus.publish('before')
      await ended.heard('before', 'each listener hears')
      await ended.end()
      await bus.publish('after')
      await other.heard('after', 'a listener hears although another one has ended')
      demand(!ended.all.includes('after'), 'a listener that has ended hears nothing more', ended.all)
      await other.end()
    },
  }
}

function gapChecks<B extends MessageBus>(cut: NonNullable<BusKitOptions<B>['cut']>): Checks<Trial<B>> {
  return {
    'onGap is called after a lost connection is restored, and from then on nothing is missed': async (trial) => {
      const { bus, second } = trial
      const listening = await ear(second)
      for (let round = 0; round < 2; round++) {
        await cut(second)
        await listening.gap(round + 1)
        await bus.publish(`after ${round}`)
        await listening.heard(`after ${round}`, 'what is published after onGap is heard')
      }
      await listening.end()
    },

    'a subscription that ends while the connection is lost stays ended': async ({ bus, second }) => {
      const [ended, other] = [await ear(second), await ear(second)]
      await cut(second)
      await ended.end()
      await other.gap(1)
      await bus.publish('after')
      await other.heard('after', 'what is published after onGap is heard')
      demand(ended.all.length === 0, 'a listener that has ended hears nothing more', ended.all)
      await other.end()
    },
  }
}

function faultChecks<B extends MessageBus>(
  makeFailing: NonNullable<BusKitOptions<B>['makeFailing']>,
): Checks<Trial<B>> {
  return {
    'a back end that is down makes publish and subscribe reject': async () => {
      const bus = await makeFailing()
      await rejection(() => bus.publish('lost'), 'publish rejects where the back end is down')
      const listener = { onMessage: () => {}, onGap: () => {} }
      await rejection(() => bus.subscribe(listener), 'subscribe rejects where the back end is down')
    },
  }
}

const PATIENCE_MS = 15_000

/** A listener, with functions that wait until it has heard something. */
async function ear(bus: MessageBus) {
  const all: string[] = []
  let gaps = 0
  let look = () => {}
  const end = await bus.subscribe({
    onMessage(text) {
      all.push(text)
      look()
    },
    onGap() {
      gaps += 1
      look()
    },
  })
  async function until(holds: () => boolean, rule: string): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, PATIENCE_MS)
      look = () => {
        if (!holds()) return
        clearTimeout(timer)
        resolve()
      }
      look()
    })
    demand(holds(), rule, all)
  }
  return {
    all,
    end,
    heard: (text: string, rule: string) => until(() => all.includes(text), rule),
    gap: (least: number) => until(() => gaps >= least, 'onGap is called when a lost connection is there again'),
  }
}

const RULES: KitRules = {
  known: ['makeBus', 'abilities', 'makeSecond', 'makeFailing', 'cut', 'disposeBus', 'texts'],
  make: 'makeBus',
  abilities: ['acrossProcesses'],
  counts: ['texts'],
  crew: '',
}
