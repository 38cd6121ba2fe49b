import { show } from './kit'

const KIBIBYTE = 'k'.repeat(1023)

/**
 * Pairs of different keys that some back end treats as equal, because of collations, numbers, paths, patterns, or names
 * in JavaScript.
 */
export const KEY_PAIRS: readonly (readonly [string, string])[] = [
  ['a', 'A'],
  ['a', 'a '],
  ['a', ' a'],
  ['a', 'á'],
  ['\u00e9', 'e\u0301'],
  ['ss', 'ß'],
  ['i', 'İ'],
  ['😀', '😁'],
  ['0', '00'],
  ['0', 'zero'],
  ['1', '1.0'],
  ['1', '1e0'],
  ['1', '1 or 1=1'],
  ['x', '../x'],
  ['.', '..'],
  ['a', 'a/b'],
  ['a/b', 'a%2Fb'],
  ['a/b', 'a//b'],
  ['a', 'a.json'],
  ['a:b', 'a_b'],
  ['a', '{a}'],
  ['*', 'a'],
  ['%', '_'],
  ["'", "''"],
  ['\\', '\\\\'],
  ['a\nb', 'a b'],
  ['null', 'undefined'],
  ['__proto__', 'constructor'],
  ['toString', 'hasOwnProperty'],
  [`${KIBIBYTE}1`, `${KIBIBYTE}2`],
]

/** The end of a key in ASCII, so that keys that look alike can be told apart. */
export function ascii(key: string): string {
  return show(key.slice(-24)).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
