import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeWith, ownName } from '../../services'
import { contender } from './contest'
import { type Clock, faketime, ownClock } from './faketime'
import type { Service } from './managers'

jest.setTimeout(60_000)

const LEASE_MS = 600
const HOUR_S = 3600
const DECADE_S = 10 * 365 * 24 * HOUR_S

const isNeeded = process.env.CONFLICT_SERVICES === 'required'
const describeWithClock = faketime !== undefined || isNeeded ? describe : describe.skip

describeWithClock('the clock of a process is set, forth and back', () => {
  let clock: Clock
  beforeEach(() => {
    if (faketime === undefined) throw new Error('libfaketime was not found, and CONFLICT_SERVICES says "required".')
    clock = ownClock()
  })
  afterEach(() => clock.remove())

  function keepsLeases(service: Service, at: () => string): void {
    test(`a lease of ${service} neither ends early nor lasts for ever`, async () => {
      const prefix = ownName('clock')
      const holder = contender(service, at(), prefix, clock.env)
      const other = contender(service, at(), prefix)
      const lost: unknown[] = []
      void holder.next('lost').then((report) => lost.push(report))
      try {
        holder.tell({ task: 'hold', key: 'a', terms: { waitMs: 5000, leaseMs: LEASE_MS, maxHoldMs: 60_000 } })
        await holder.next('held')
        for (const seconds of [HOUR_S, -HOUR_S, DECADE_S, -DECADE_S]) {
          clock.jump(seconds)
          // Two leases long: it is renewed, and nobody else gets it.
          other.tell({ task: 'hold', key: 'a', terms: { waitMs: 2 * LEASE_MS, leaseMs: LEASE_MS, maxHoldMs: 60_000 } })
          await other.next('in vain')
        }
        expect(lost).toEqual([])
        holder.end()
        other.tell({ task: 'hold', key: 'a', terms: { waitMs: 20_000, leaseMs: LEASE_MS, maxHoldMs: 60_000 } })
        await other.next('held')
      } finally {
        for (const each of [holder, other]) each.end()
      }
    })
  }

  describeWith('Redis', 'with Redis', (url) => keepsLeases('redis', () => url))
  describeWith('PostgreSQL', 'with PostgreSQL', (url) => keepsLeases('postgres', () => url))
  describeWith('MariaDB', 'with MariaDB', (url) => keepsLeases('mysql', () => url))

  describe('in files and in memory', () => {
    const folder = mkdtempSync(join(tmpdir(), 'clock-locks-'))
    afterAll(() => rmSync(folder, { recursive: true }))
    keepsLeases('file', () => folder)

    test.each(['memory', 'file'])('a record of the %s store neither ends early nor lasts for ever', async (store) => {
      const args = [store, mkdtempSync(join(folder, 'store-'))]
      const execArgv = ['-r', join(__dirname, '../../ts-hook.js')]
      const child = fork(join(__dirname, '../file/clock-keeper.ts'), args, { execArgv, env: clock.env })
      const ask = async (question: string) => {
        child.send(question)
        return (await once(child, 'message'))[0] as unknown
      }
      try {
        expect(await ask('create')).toEqual({ short: true, long: true })
        clock.jump(DECADE_S)
        expect(await ask('read')).toEqual({ short: 'one', long: 'one' })
        clock.jump(-DECADE_S)
        expect(await ask('read when the short one is over')).toEqual({ long: 'one' })
      } finally {
        child.kill('SIGKILL')
      }
    })
  })
})
