import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileLocks } from '../../../lib/backends/file'
import { lockKit } from '../../../lib/testing'
import { inProcesses } from '../processes'

const terms = { waitMs: 0, leaseMs: 500, maxHoldMs: 10_000 }

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'file-locks-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const placeOf = (key: string) => join(folder, createHash('sha256').update(key).digest('hex'))
const generations = (key: string) =>
  readdirSync(placeOf(key))
    .filter((name) => name !== 'wanted')
    .map(Number)
    .sort((a, b) => a - b)

describe('fileLocks keeps the contract', () => {
  const kit = lockKit({
    makeManager: () => fileLocks({ folder }),
    makeSecond: () => fileLocks({ folder }),
    makeFailing: () => {
      const locks = fileLocks({ folder })
      rmSync(folder, { recursive: true })
      writeFileSync(folder, 'no folder')
      return locks
    },
    takeAway: (key) => {
      const next = join(placeOf(key), String((generations(key).at(-1) ?? 0) + 1))
      writeFileSync(next, '', { flag: 'wx' })
      utimesSync(next, 0, 0)
    },
    abilities: { fence: true, acrossProcesses: true },
    processes: inProcesses(() => ({ at: 'locks', service: 'file', address: folder, prefix: '' })),
  })
  for (const { name, run } of kit) test(name, run)
})

describe('fileLocks', () => {
  test('keeps four files for a key, whatever the number of grants, and the fence is the last of them', async () => {
    const locks = fileLocks({ folder })
    for (let grant = 0; grant < 10; grant++) await (await locks.acquire('a', terms))?.release()
    const last = await locks.acquire('a', terms)
    expect(last?.fence).toBe('11')
    expect(generations('a')).toEqual([8, 9, 10, 11])
    await last?.release()
  })

  test('takes what was left by a process that ended, when its lease is over', async () => {
    const locks = fileLocks({ folder })
    await (await locks.acquire('a', terms))?.release()
    const nowMs = Number(process.hrtime.bigint()) / 1e6
    const left = join(placeOf('a'), '2')
    writeFileSync(left, '')
    utimesSync(left, nowMs / 1000, (nowMs + 60_000) / 1000)
    expect(await locks.acquire('a', terms)).toBeUndefined()
    utimesSync(left, nowMs / 1000, nowMs / 1000)
    const lease = await locks.acquire('a', terms)
    expect(lease?.fence).toBe('3')
    await lease?.release()
  })

  test('takes what was held before the machine was started again', async () => {
    const locks = fileLocks({ folder })
    await (await locks.acquire('a', terms))?.release()
    const before = Number(process.hrtime.bigint()) / 1e9 + 1000
    writeFileSync(join(placeOf('a'), '2'), '')
    utimesSync(join(placeOf('a'), '2'), before, before + 10)
    const lease = await locks.acquire('a', terms)
    expect(lease?.fence).toBe('3')
    await lease?.release()
  })

  test('waits for a process that has created its file and not said until when it holds it', async () => {
    const locks = fileLocks({ folder })
    await (await locks.acquire('a', terms))?.release()
    writeFileSync(join(placeOf('a'), '2'), '')
    expect(await locks.acquire('a', terms)).toBeUndefined()
    jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 11_000)
    const lease = await locks.acquire('a', terms)
    jest.restoreAllMocks()
    expect(lease?.fence).toBe('3')
    await lease?.release()
  })

  test('is not misled by the time of day', async () => {
    const locks = fileLocks({ folder })
    const lease = await locks.acquire('a', terms)
    for (const jumpMs of [3_600_000, -3_600_000, 10 * 365 * 86_400_000]) {
      jest.spyOn(Date, 'now').mockReturnValue(Date.now() + jumpMs)
      expect(await locks.acquire('a', terms)).toBeUndefined()
      jest.restoreAllMocks()
    }
    await lease?.release()
  })

  test('lets go when a newer generation was created behind its back', async () => {
    const locks = fileLocks({ folder })
    await (await locks.acquire('a', terms))?.release()
    for (const newer of ['7', '8']) writeFileSync(join(placeOf('a'), newer), '')
    utimesSync(join(placeOf('a'), '8'), 0, 0)
    const lease = await locks.acquire('a', terms)
    expect(lease?.fence).toBe('9')
    await lease?.release()
  })

  test('gets nothing by the generation that it gave back, when others have had the lock since, and cleared away', async () => {
    const [locks, others] = [fileLocks({ folder }), fileLocks({ folder })]
    await (await locks.acquire('a', terms))?.release()
    for (let grant = 0; grant < 6; grant++) await (await others.acquire('a', terms))?.release()
    const held = await others.acquire('a', terms)
    expect(generations('a')).not.toContain(2)
    expect(await locks.acquire('a', terms)).toBeUndefined()
    expect(generations('a')).toEqual([5, 6, 7, 8])
    await held?.release()
    const next = await locks.acquire('a', terms)
    expect([held?.fence, next?.fence]).toEqual(['8', '9'])
    await next?.release()
  })

  test('says that it wants a lock that is held, until somebody has given that back', async () => {
    const [locks, others] = [fileLocks({ folder }), fileLocks({ folder })]
    const held = await locks.acquire('a', terms)
    expect(readdirSync(placeOf('a'))).not.toContain('wanted')
    expect(await others.acquire('a', terms)).toBeUndefined()
    expect(readdirSync(placeOf('a'))).toContain('wanted')
    await held?.release()
    const next = await locks.acquire('a', terms)
    expect(next?.fence).toBe('2')
    await next?.release()
    expect(readdirSync(placeOf('a'))).not.toContain('wanted')
  })

  test('finds its way when another process has the lock that it gave back', async () => {
    const [locks, others] = [fileLocks({ folder }), fileLocks({ folder })]
    for (const fence of ['1', '3', '5']) {
      const lease = await locks.acquire('a', terms)
      expect(lease?.fence).toBe(fence)
      await lease?.release()
      const other = await others.acquire('a', terms)
      expect(await locks.acquire('a', terms)).toBeUndefined()
      await other?.release()
    }
  })

  test('refuses a folder that is a symbolic link', () => {
    symlinkSync(tmpdir(), join(folder, 'it'))
    expect(() => fileLocks({ folder: join(folder, 'it') })).toThrow(
      'is not a folder that this user alone can write to.',
    )
  })

  test('refuses a folder that others can write to', () => {
    mkdirSync(join(folder, 'it'))
    chmodSync(join(folder, 'it'), 0o777)
    expect(() => fileLocks({ folder: join(folder, 'it') })).toThrow(
      'is not a folder that this user alone can write to.',
    )
  })
})
