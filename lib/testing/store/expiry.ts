import { demand } from '../kit'
import { beforeItExpires, type Checks, created, demandNothing, demandRead, expire, LONG_MS } from './trial'

export function expiryChecks(): Checks {
  return {
    'a record is there until its time is over, and not after': async (trial) => {
      const { store, second, pass, ttlMs } = trial
      await beforeItExpires(trial, async (key) => {
        await created(store, key, 'one', ttlMs)
        await demandRead(second, key, 'one', 'a record is there before its time is over')
        await pass(ttlMs / 2)
        await demandRead(second, key, 'one', 'a record is there before its time is over')
      })
      await created(store, 'a', 'one', ttlMs)
      await expire(trial)
      await demandNothing(store, 'a', 'a record whose time is over does not exist')
      await demandNothing(second, 'a', 'a record whose time is over does not exist elsewhere')
    },

    'a record whose time is over is neither replaced nor removed': async (trial) => {
      const { store, second } = trial
      await created(store, 'a', 'one', trial.ttlMs)
      await expire(trial)
      const removed = await second.remove('a', 'one')
      demand(removed === false, 'remove gives false where the record has expired', removed)
      await created(store, 'b', 'one', trial.ttlMs)
      await expire(trial)
      const replaced = await second.replace('b', 'one', 'two', LONG_MS)
      demand(replaced === false, 'replace gives false where the record has expired', replaced)
      await demandNothing(store, 'b', 'a refused replace brings nothing back')
    },

    'a key whose record has expired can be created again': async (trial) => {
      const { store, second } = trial
      await created(store, 'a', 'one', trial.ttlMs)
      await expire(trial)
      await created(second, 'a', 'two')
      await demandRead(store, 'a', 'two', 'a record that was created after another had expired is read')
      await expire(trial)
      await demandRead(store, 'a', 'two', 'it has a time of its own')
      const late = await store.create('a', 'three', LONG_MS)
      demand(late === false, 'it is a record like every other', late)
    },

    'a replaced record has the time that the replacement gave it': async (trial) => {
      const { store, ttlMs } = trial
      let longer = ''
      await beforeItExpires(trial, async (key) => {
        longer = key
        await created(store, key, 'one', ttlMs)
        const seen = await store.replace(key, 'one', 'two', LONG_MS)
        demand(seen === true, 'replace gives true before the time is over', seen)
      })
      await created(store, 'shorter', 'one')
      const seen = await store.replace('shorter', 'one', 'one', ttlMs)
      demand(seen === true, 'replace gives true where the record is what it expects', seen)
      await expire(trial)
      await demandRead(store, longer, 'two', 'a record that was given more time is there after the old one')
      await demandNothing(store, 'shorter', 'a record that was given less time ends with the new one')
    },

    'a refused change does not extend the time to live': async (trial) => {
      const { store, second, ttlMs } = trial
      let key = ''
      await beforeItExpires(trial, async (each) => {
        key = each
        await created(store, key, 'one', ttlMs)
        const again = await second.create(key, 'one', LONG_MS)
        demand(again === false, 'create gives false where a record is', again)
        const other = await second.replace(key, 'two', 'one', LONG_MS)
        demand(other === false, 'replace gives false where the record is another one', other)
      })
      await expire(trial)
      await demandNothing(store, key, 'a record whose change was refused expires when it would have')
    },

    'a month is a time like every other': async ({ store, pass, ttlMs }) => {
      const month = 30 * 24 * 3_600_000
      await created(store, 'a', 'one', month)
      await pass(ttlMs)
      await demandRead(store, 'a', 'one', 'a record that is kept for a month is there')
      const seen = await store.replace('a', 'one', 'two', month)
      demand(seen === true, 'a record that is kept for a month can be replaced', seen)
    },
  }
}
