import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNext, newestIn } from '../../../lib/backends/file/generations'

const root = mkdtempSync(join(tmpdir(), 'generations-'))
const place = join(root, 'place')
const drafts = join(root, 'drafts')
mkdirSync(drafts)
afterAll(() => rmSync(root, { recursive: true }))

test('of two that saw the same generation one creates the next, and the other is told', async () => {
  const seen = await newestIn(place)
  expect(await Promise.all(['one', 'two'].map((text) => createNext(place, drafts, seen, text)))).toContain(false)
  const after = await newestIn(place)
  expect(after.generation).toBe(1)
  expect(['one', 'two']).toContain(after.text)
})

test('who stood still until the name was free again is not told that it counts', async () => {
  const stale = { ...(await newestIn(place)), listedAt: 0 }
  for (let time = 0; time < 3; time++) await createNext(place, drafts, await newestIn(place), `later ${time}`)
  rmSync(join(place, '2'))
  await expect(createNext(place, drafts, stale, 'stale')).rejects.toThrow('stood still in the middle of a change')
  expect((await newestIn(place)).text).toBe('later 2')
})

test('who stood still while nothing else happened is told that it counts', async () => {
  const seen = { ...(await newestIn(place)), listedAt: 0 }
  expect(await createNext(place, drafts, seen, 'slow')).toBe(true)
  expect((await newestIn(place)).text).toBe('slow')
  expect(readdirSync(drafts)).toEqual([])
})
