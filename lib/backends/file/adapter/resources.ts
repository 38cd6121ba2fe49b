import type { ResourceAdapter } from '../../../contracts/adapter'
import { faultOf } from '../system'
import { change, find, type Store } from './change'
import { keptAt, keptBetween, look } from './resource-folder'
import { readKept } from './state'

/** What an adapter over files can do. */
export type FileResources<T> = Required<Omit<ResourceAdapter<T>, 'create' | 'transaction'>>

const VERSION = /^([1-9]\d{0,14})-([0-9a-f]{16})-[0-9a-f]{16}$/

/** What resources in files have in common, whatever their form. */
export function resourcesIn<T>(store: Store<T>, tombstones: boolean): FileResources<T> {
  const { files, folder, encoding } = store
  const faulty = (error: unknown): never => {
    throw faultOf(error, 'no')
  }

  return {
    read: async (key) => (await find(store, folder.placeOf(key)).catch(faulty)).current?.state,

    async write(key, value, expected) {
      const parts = await Promise.resolve(encoding.keep(value)).catch(faulty)
      const outcome = await change(store, key, expected, () => ({ suffix: 'json', parts })).catch(faulty)
      if (!outcome.ok) return outcome
      const { state } = outcome
      if (state === undefined) throw new Error('a write makes a state')
      return { ok: true, state }
    },

    async remove(key, expected) {
      const outcome = await change(store, key, expected, (current) =>
        tombstones && current ? { suffix: 'gone.json', parts: current.parts } : { suffix: 'none', parts: { text: '' } },
      ).catch(faulty)
      return outcome.ok ? { ok: true } : outcome
    },

    async readVersion(key, version) {
      const seen = await look(files, folder.placeOf(key)).catch(faulty)
      if (seen === undefined) await folder.demandThere()
      const [, count, id] = VERSION.exec(version) ?? []
      if (seen === undefined || seen.head.suffix === 'none' || id === undefined) return undefined
      const kept = keptAt(seen, { count: Number(count), id })
      const found = kept && (await readKept(files, encoding, kept).catch(faulty))
      // Somebody has changed it since by hand.
      return found?.state.version === version ? found.state : undefined
    },

    async readSince(key, version) {
      const seen = await look(files, folder.placeOf(key)).catch(faulty)
      if (seen === undefined) await folder.demandThere()
      const [, count] = VERSION.exec(version) ?? []
      const kept = seen && count !== undefined ? keptBetween(seen, Number(count)) : undefined
      if (kept === undefined) return undefined
      const found = await Promise.all(kept.map((each) => readKept(files, encoding, each).catch(faulty)))
      const states = found.flatMap((each) => (each ? [each.state] : []))
      // One of them was taken away, or changed by hand.
      return states.length === kept.length && states[0]?.version === version ? states : undefined
    },
  }
}
