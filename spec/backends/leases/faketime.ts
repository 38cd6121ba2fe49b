import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const LIBRARIES = '/usr/lib'

/** libfaketime as Debian packages it. It sets the clock of one process, and leaves the monotonic one alone. */
export const faketime = readdirSync(LIBRARIES)
  .map((machine) => join(LIBRARIES, machine, 'faketime/libfaketimeMT.so.1'))
  .find(existsSync)

export interface Clock {
  /** The environment of a process that goes by this clock. */
  readonly env: NodeJS.ProcessEnv
  /** Sets it, by so many seconds from what it really is. */
  jump(seconds: number): void
  remove(): void
}

export function ownClock(): Clock {
  const folder = mkdtempSync(join(tmpdir(), 'clock-'))
  const file = join(folder, 'offset')
  const jump = (seconds: number) => writeFileSync(file, `${seconds < 0 ? '' : '+'}${seconds}`)
  jump(0)
  return {
    env: {
      ...process.env,
      LD_PRELOAD: faketime,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
    jump,
    remove: () => rmSync(folder, { recursive: true }),
  }
}
