import { demand } from '../demand'
import { ascii, KEY_PAIRS } from '../key-pairs'
import { type Check, type Checks, created, demandNothing, demandRead, LONG_MS } from './trial'

/** Texts that some back end cannot keep as they are. */
const TEXTS: Readonly<Record<string, string>> = {
  'an empty text': '',
  NUL: 'a\0b',
  'half a surrogate pair': 'a\ud83d',
  'a text that looks like its own JSON': '"a"',
  'a text of 1 MiB': 'é"'.repeat(524_288),
}

/** Keys and values are told apart alike, so that no request ever finds the record of another. */
export function textChecks(): Checks {
  const pairs = [...KEY_PAIRS, ['a\0', 'a'], ['\ud83d', '\ud83e'], ['\ud83d', '\ufffd']] as const
  return {
    ...Object.fromEntries(pairs.map((pair) => [`${nameOf(pair)} are two records`, keysApart(pair)])),
    ...Object.fromEntries(pairs.map((pair) => [`${nameOf(pair)} are two values`, valuesApart(pair)])),
    ...Object.fromEntries(Object.entries(TEXTS).map(([name, text]) => [`${name} is a value`, kept(text)])),

    'a key of 16 KiB is a key': async ({ store, second }) => {
      const key = 'k'.repeat(16_384)
      await created(store, key, 'one')
      await demandRead(second, key, 'one', 'a key of any length finds its record')
      await demandNothing(second, key.slice(1), 'no other key finds it')
    },
  }
}

function nameOf([here, there]: readonly [string, string]): string {
  return `${ascii(here.slice(-24))} and ${ascii(there.slice(-24))}`
}

function keysApart([here, there]: readonly [string, string]): Check {
  return async ({ store, second }) => {
    await created(store, here, 'one')
    await demandNothing(second, there, `${ascii(there)} is not the key of ${ascii(here)}`)
    await created(store, there, 'two')
    await demandRead(second, here, 'one', `${ascii(here)} stays what it is`)
    const removed = await store.remove(there, 'two')
    demand(removed === true, `${ascii(there)} can be removed`, removed)
    await demandRead(second, here, 'one', `removing ${ascii(there)} does not touch ${ascii(here)}`)
  }
}

function valuesApart([here, there]: readonly [string, string]): Check {
  return async ({ store }) => {
    await created(store, 'a', here)
    const replaced = await store.replace('a', there, 'b', LONG_MS)
    demand(replaced === false, `${ascii(there)} is not expected where ${ascii(here)} is`, replaced)
    const removed = await store.remove('a', there)
    demand(removed === false, `${ascii(there)} does not remove ${ascii(here)}`, removed)
    await demandRead(store, 'a', here, 'a value comes back as it is')
  }
}

function kept(text: string): Check {
  return async ({ store, second }) => {
    await created(store, 'a', text)
    await demandRead(second, 'a', text, 'a value comes back as it is')
    const replaced = await second.replace('a', text, 'b', LONG_MS)
    demand(replaced === true, 'a value is expected as it is', replaced)
    const back = await store.replace('a', 'b', text, LONG_MS)
    demand(back === true, 'a value replaces another one', back)
    await demandRead(second, 'a', text, 'a value comes back as it is')
    const removed = await second.remove('a', text)
    demand(removed === true, 'a value is removed as it is', removed)
  }
}
